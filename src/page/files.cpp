// SPDX-License-Identifier: MIT
#include "ceymail/page/files.hpp"

namespace ceymail::page {

const std::string_view k_style =
#include "style.css.inc"
    ;
const std::string_view k_script =
#include "script.js.inc"
    ;

}  // namespace ceymail::page
