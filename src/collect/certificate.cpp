// SPDX-License-Identifier: MIT
#include "ceymail/collect/certificate.hpp"

#include <ctime>
#include <memory>
#include <span>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "ceymail/collect/regular_file.hpp"

namespace ceymail::collect {

namespace {

using Bio = std::unique_ptr<BIO, decltype([](BIO* one) { BIO_free(one); })>;
using X509Certificate = std::unique_ptr<X509, decltype([](X509* one) { X509_free(one); })>;

// On the stack, which has 1 MiB in the scheduler's threads.
struct WipedBuffer {
    char bytes[k_most_certificate_bytes] = {};
    WipedBuffer() = default;
    WipedBuffer(const WipedBuffer&) = delete;
    WipedBuffer& operator=(const WipedBuffer&) = delete;
    ~WipedBuffer() { OPENSSL_cleanse(bytes, sizeof bytes); }
};

std::unexpected<util::Error> unusable(const char* cause) { return util::fail(util::ErrorKind::invalid, cause); }

bool is_line_begin(std::string_view text, std::size_t at) noexcept { return at == 0 || text[at - 1] == '\n'; }

// Returns: the block with its two boundaries; empty: there is none. Three labels are in use, RFC 7468, section 5.
std::string_view first_block(std::string_view pem) {
    constexpr std::string_view k_begin = "-----BEGIN ";
    for (auto at = pem.find(k_begin); at != pem.npos; at = pem.find(k_begin, at + 1)) {
        if (!is_line_begin(pem, at)) continue;
        const auto label = pem.substr(at + k_begin.size());
        for (const std::string_view name : {"CERTIFICATE-----", "X509 CERTIFICATE-----", "TRUSTED CERTIFICATE-----"}) {
            if (!label.starts_with(name)) continue;
            const auto end = pem.find("-----END ", at);
            return pem.substr(at,
                              end == pem.npos ? end : end - at + std::string_view("-----END ").size() + name.size());
        }
    }
    return {};
}

// Returns: what timegm(3) gives for the date; none: it is malformed.
util::Result<UnixTime> unix_time(const ASN1_TIME* time) {
    std::tm date{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &date) != 1) return unusable("its first certificate has no valid end");
    return UnixTime(::timegm(&date));
}

}  // namespace

util::Result<UnixTime> end_of_first_certificate(std::string_view pem) {
    const auto block = first_block(pem);
    if (block.empty()) return unusable("there is no certificate in its first 64 kB");
    const Bio bio(BIO_new_mem_buf(block.data(), static_cast<int>(block.size())));
    if (!bio) return util::fail(util::ErrorKind::exhausted, "out of memory");
    const X509Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    ERR_clear_error();
    if (!certificate) return unusable("its first certificate is malformed");
    return unix_time(X509_get0_notAfter(certificate.get()));
}

util::Result<Certificate> read_certificate(const std::filesystem::path& path) {
    CEYMAIL_TRY_ASSIGN(const auto file, open_regular(path));
    WipedBuffer buffer;
    CEYMAIL_TRY_ASSIGN(const auto got, read_into(file.fd, buffer.bytes));
    CEYMAIL_TRY_ASSIGN(const auto not_after, end_of_first_certificate({buffer.bytes, got}));
    return Certificate{not_after, stamp_of(file.status)};
}

}  // namespace ceymail::collect
