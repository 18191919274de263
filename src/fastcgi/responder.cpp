// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/responder.hpp"

#include <fcgiapp.h>
#include <openssl/crypto.h>

#include <array>
#include <chrono>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>

#include "ceymail/fastcgi/connection.hpp"
#include "ceymail/fastcgi/parameters.hpp"
#include "ceymail/fastcgi/record.hpp"

namespace ceymail::fastcgi {
namespace {

constexpr std::size_t k_libfcgi_buffer = 8192;  // the buffer of FCGX_Accept_r()

// One request in libfcgi, which only parses it. It does not accept, write or wait, since all bytes have arrived.
class ParsedRequest {
public:
    explicit ParsedRequest(util::Fd& connection) {
        FCGX_InitRequest(&m_request, -1, 0);
        m_request.ipcFd = connection.get();
        m_request.keepConnection =
            1;                   // FCGX_Accept_r() first ends the previous request, and would close this connection
        m_request.detached = 1;  // when it fails and closes the connection, it must not wait for the peer
        m_parsed = FCGX_Accept_r(&m_request) == 0;
        if (!m_parsed) static_cast<void>(connection.release());
    }
    ~ParsedRequest() {
        if (!m_parsed) return;
        wipe_buffer();
        FCGX_Free(&m_request, 0);
    }
    ParsedRequest(const ParsedRequest&) = delete;
    ParsedRequest& operator=(const ParsedRequest&) = delete;

    explicit operator bool() const { return m_parsed; }
    [[nodiscard]] char** parameters() const { return m_request.envp; }

    // Reads the body, if it is at most k_max_body long.
    void read_body(PageRequest& request) {
        std::array<char, k_max_body + 1> bytes;
        const auto size = static_cast<std::size_t>(FCGX_GetStr(bytes.data(), bytes.size(), m_request.in));
        request.body_too_long = size > k_max_body;
        if (!request.body_too_long) request.body.assign(bytes.data(), size);
    }

    // Reads the rest of the body. False when the request was truncated; libfcgi reports that only here.
    bool finish_input() {
        std::array<char, 4096> ignored;
        while (FCGX_GetStr(ignored.data(), ignored.size(), m_request.in) == static_cast<int>(ignored.size())) {
        }
        return FCGX_GetError(m_request.in) == 0;
    }

private:
    // The buffer contains the token. The first member of the stream's private data points to it. It is wiped only if
    // the public pointers confirm that.
    void wipe_buffer() {
        const FCGX_Stream* in = m_request.in;
        if (in == nullptr || in->data == nullptr) return;
        unsigned char* buffer = nullptr;
        std::memcpy(&buffer, in->data, sizeof buffer);
        const auto begin = reinterpret_cast<std::uintptr_t>(buffer);
        const auto next = reinterpret_cast<std::uintptr_t>(in->rdNext);
        if (begin <= next && next <= begin + k_libfcgi_buffer) OPENSSL_cleanse(buffer, next - begin);
    }

    FCGX_Request m_request{};
    bool m_parsed = false;
};

const Response k_malformed = {
    .status = 400,
    .headers = {k_origin_header},
    .body =
        "This FastCGI request is malformed: connect the web server with the nginx or Apache file of "
        "ceymail-metrics, and let no other program have access to the socket.\n",
};

}  // namespace

struct Responder::State {
    State(int listener, int stop_fd, BusySince* busy_since) : acceptor(listener, stop_fd), busy(busy_since) {
        if (FCGX_Init() != 0) throw std::runtime_error("libfcgi cannot be initialised");
    }

    Acceptor acceptor;
    BusySince* busy;
    RequestReader reader;
    util::Fd connection;
    Request request;  // this, `text` and `records` keep their memory for the next request
    PageRequest page_request;
    std::uint16_t request_id = 0;
    std::string text;
    std::string records;

    // Copies the parameters into a member.
    using Read = void (State::*)(ParsedRequest&);
    void read_scrape(ParsedRequest& parsed) {
        read_parameters(parsed.parameters(), request);
        request.malformed = !parsed.finish_input() || request.malformed;
    }
    void read_page(ParsedRequest& parsed) {
        page_request = read_page_parameters(parsed.parameters());
        parsed.read_body(page_request);
        page_request.malformed = !parsed.finish_input() || page_request.malformed;
    }

    // False when libfcgi rejects the request.
    bool take_request(std::size_t size, Read read) {
        ParsedRequest parsed(connection);
        if (!parsed) return false;
        (this->*read)(parsed);
        // libfcgi may not have read the end of a request that is larger than its buffer.
        if (size > k_libfcgi_buffer) discard_input(connection.get());
        return true;
    }

    void set_busy(util::AwakeTime since) {
        if (busy != nullptr) busy->store(since, std::memory_order_relaxed);
    }

    // Returns: the time of the connection; no value when asked to stop.
    std::optional<util::BootTime> accept(const Chore& chore) {
        set_busy({});
        auto accepted = acceptor.next(chore);
        if (!accepted) return std::nullopt;
        connection = std::move(*accepted);
        set_busy(util::AwakeClock::now());
        return util::BootClock::now();
    }

    // False when asked to stop.
    bool await_request(const std::function<void(int status)>& refused, Read read, const Chore& chore) {
        connection.reset();
        request.clear();
        while (const auto accepted_at = accept(chore)) {
            const auto received = reader.receive(connection.get(), *accepted_at + k_peer_timeout);
            if (!received) {
                connection.reset();
                continue;
            }
            request_id = received->validation.request_id;
            if (received->validation.verdict == Verdict::malformed) {
                refused(k_malformed.status);
                refuse();
                continue;
            }
            if (!take_request(received->size, read)) continue;
            request.keep_connection = received->validation.asks_to_keep_connection;
            return true;
        }
        return false;
    }

    void send(const Response& response) {
        text.clear();
        records.clear();
        append_cgi(response, text);
        append_answer(request_id, text, records);
        send_all(connection.get(), records, util::BootClock::now() + k_peer_timeout);
        connection.reset();
        request.clear();
    }

    // A page may show a secret, and the request contains the gateway secret. Also frees the memory: requests are rare.
    void wipe_page() {
        for (auto* const bytes : {&text, &records}) {
            OPENSSL_cleanse(bytes->data(), bytes->size());
            std::string().swap(*bytes);
        }
        page_request = {};
    }

    void refuse() {
        discard_input(connection.get());
        if (request_id != 0) send(k_malformed);
        connection.reset();
    }
};

Responder::Responder(int listener, int stop_fd, BusySince* busy)
    : m_state(std::make_unique<State>(listener, stop_fd, busy)) {}
Responder::~Responder() = default;

Request* Responder::next(const std::function<void(int status)>& refused) {
    return m_state->await_request(refused, &State::read_scrape, {}) ? &m_state->request : nullptr;
}

PageRequest* Responder::next_page(const std::function<void(int status)>& refused, const Chore& chore) {
    return m_state->await_request(refused, &State::read_page, chore) ? &m_state->page_request : nullptr;
}

void Responder::answer(const Response& response) {
    if (m_state->connection) m_state->send(response);
}

void Responder::answer_page(Response response) {
    answer(response);
    m_state->wipe_page();
    OPENSSL_cleanse(response.body.data(), response.body.size());
}

}  // namespace ceymail::fastcgi
