/* A fast HTTP/2 server that answers like APNs and FCM and does nothing else.
 *
 * One thread, epoll, OpenSSL, libnghttp2: fast enough that a benchmark measures its client.
 *   POST /3/device/...      200, apns-id echoed, no body
 *   POST /v1/projects/...   200, FCM's headers, {"name": ...}; also over HTTP/1.1
 *   POST /token             200, an OAuth access token; also over HTTP/1.1
 * usage: sink CERTIFICATE KEY [DELAY_MS [JITTER_MS [ONE_RECORD [MAX_STREAMS [TALLY]]]]]
 * TALLY is a file with a byte for each device: how often it was pushed to. A device's number is
 * what the last eight hexadecimal digits of its APNs token say.
 * prints "port N" when it listens on the loopback, "requests N" when SIGTERM ends it, and for
 * each line that it reads: "DELAY_MS JITTER_MS ONE_RECORD", in force from then on, or an empty one.
 * build: cc -O2 -o sink sink.c -lnghttp2 -lssl -lcrypto
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 4096            /* milliseconds that an answer can be put off */
#define RECORD 16384          /* bytes of one TLS record */
#define OUT_LIMIT (1 << 20)   /* bytes kept for a client that does not read */
#define CONNECTION_WINDOW (1 << 24)
#define ID_MAX 64
#define ACCESS_TOKEN "{\"access_token\":\"bench\",\"expires_in\":3599,\"token_type\":\"Bearer\"}"
#define FCM_NAME "{\n  \"name\": \"projects/bench/messages/0:%016llu%%bench\"\n}\n"

enum kind { APNS, FCM, TOKEN };

struct stream {
    enum kind kind;
    unsigned char id_length;
    char id[ID_MAX];
    unsigned long device;
    int body_length, body_sent;
    char body[128];
};

struct connection {
    int fd, dead, waiting, http1, shaken;
    SSL *ssl;
    nghttp2_session *session;
    size_t out_length, in_length;
    unsigned char out[OUT_LIMIT + RECORD];
    char in[8192];
};

struct answer {
    struct connection *connection;
    int32_t stream;
    struct answer *next;
};

static struct answer *wheel[SLOTS];
static long long turned;      /* the millisecond up to which the wheel has been emptied */
static long waiting_answers;
static unsigned long long requests;
static int delay, jitter, one_record, epoll;
static uint32_t max_streams = 1000;
static unsigned char *tally;
static size_t devices;
static volatile sig_atomic_t stopped;

static void stop(int signal_number) { (void)signal_number; stopped = 1; }

static long long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void watch(struct connection *c, int operation) {
    struct epoll_event event = {.events = EPOLLIN | (c->out_length ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(epoll, operation, c->fd, &event);
}

static void flush_out(struct connection *c) {
    size_t sent = 0, was = c->out_length;
    while (sent < c->out_length) {
        size_t rest = c->out_length - sent;
        ERR_clear_error(); /* of other connections: they would count as this one's */
        int n = SSL_write(c->ssl, c->out + sent, rest < RECORD ? (int)rest : RECORD);
        if (n <= 0) {
            if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_WRITE) c->dead = 1;
            break;
        }
        sent += n;
    }
    memmove(c->out, c->out + sent, c->out_length - sent);
    c->out_length -= sent;
    if (!c->dead && !!was != !!c->out_length) watch(c, EPOLL_CTL_MOD);
}

static void pump(struct connection *c) {
    while (!c->dead && c->out_length < OUT_LIMIT) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(c->session, &data);
        if (n < 0) c->dead = 1;
        if (n <= 0) break;
        memcpy(c->out + c->out_length, data, n);
        c->out_length += n;
        if (c->out_length >= RECORD) flush_out(c);
    }
    if (!c->dead && c->out_length) flush_out(c);
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *user) {
    struct stream *s = source->ptr;
    size_t rest = s->body_length - s->body_sent;
    (void)session, (void)id, (void)user;
    if (rest > size) rest = size;
    memcpy(buffer, s->body + s->body_sent, rest);
    s->body_sent += rest;
    if (s->body_sent == s->body_length) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return rest;
}

#define FIELD(name, value, size) \
    {(uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, (size), NGHTTP2_NV_FLAG_NO_COPY_NAME}
#define CONSTANT(name, value) FIELD(name, value, sizeof(value) - 1)

static void submit(struct connection *c, int32_t id) {
    struct stream *s = nghttp2_session_get_stream_user_data(c->session, id);
    if (!s) return; /* cancelled meanwhile */
    nghttp2_nv apns[] = {CONSTANT(":status", "200"), FIELD("apns-id", s->id, s->id_length)};
    nghttp2_nv google[] = {
        CONSTANT(":status", "200"),
        CONSTANT("content-type", "application/json; charset=UTF-8"),
        CONSTANT("vary", "Origin"),
        CONSTANT("vary", "X-Origin"),
        CONSTANT("vary", "Referer"),
        CONSTANT("server", "scaffolding on HTTPServer2"),
        CONSTANT("x-xss-protection", "0"),
        CONSTANT("x-frame-options", "SAMEORIGIN"),
        CONSTANT("x-content-type-options", "nosniff"),
        CONSTANT("accept-ranges", "none"),
    };
    if (s->kind == APNS) {
        nghttp2_submit_response(c->session, id, apns, s->id_length ? 2 : 1, NULL);
    } else {
        nghttp2_data_provider body = {.source.ptr = s, .read_callback = read_body};
        s->body_length = s->kind == TOKEN
            ? snprintf(s->body, sizeof s->body, ACCESS_TOKEN)
            : snprintf(s->body, sizeof s->body, FCM_NAME, requests);
        nghttp2_submit_response(c->session, id, google, sizeof google / sizeof *google, &body);
    }
    if (one_record) pump(c);
}

static void answer_http1(struct connection *c, const char *body) {
    c->out_length = snprintf((char *)c->out, OUT_LIMIT,
                             "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=UTF-8\r\n"
                             "content-length: %zu\r\n\r\n%s", strlen(body), body);
    flush_out(c);
}

static void answer_fcm_http1(struct connection *c) {
    char body[128];
    snprintf(body, sizeof body, FCM_NAME, requests);
    answer_http1(c, body);
}

static void answer_later(struct connection *c, int32_t id) {
    struct answer *a = malloc(sizeof *a);
    int wait = delay + (jitter ? rand() % (jitter + 1) : 0);
    long long slot = (now_ms() + (wait ? wait : 1)) % SLOTS;
    *a = (struct answer){c, id, wheel[slot]};
    wheel[slot] = a;
    c->waiting++;
    waiting_answers++;
}

static void close_connection(struct connection *c) {
    if (c->fd >= 0) {
        close(c->fd);
        c->fd = -1;
        c->dead = 1;
    }
    if (c->waiting) return; /* the wheel still points here */
    nghttp2_session_del(c->session);
    SSL_free(c->ssl);
    free(c);
}

static void turn_wheel(void) {
    for (long long now = now_ms(); turned < now;) {
        struct answer *a = wheel[++turned % SLOTS];
        wheel[turned % SLOTS] = NULL;
        while (a) {
            struct answer *next = a->next;
            struct connection *c = a->connection;
            c->waiting--;
            waiting_answers--;
            if (!c->dead && c->http1) answer_fcm_http1(c);
            else if (!c->dead) submit(c, a->stream);
            /* Written once per connection and turn, unless each answer is to be a record. */
            if (!next || next->connection != c) {
                if (!c->dead && !c->http1) pump(c);
                if (c->dead) close_connection(c);
            }
            free(a);
            a = next;
        }
    }
}

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    struct stream *s = calloc(1, sizeof *s);
    (void)user;
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, s);
    return 0;
}

static unsigned long number_of(const uint8_t *path, size_t length) {
    char last[9] = "";
    memcpy(last, path + (length > 8 ? length - 8 : 0), length > 8 ? 8 : length);
    return strtoul(last, NULL, 16);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t length, uint8_t flags,
                     void *user) {
    struct stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    (void)flags, (void)user;
    if (!s) return 0;
    if (name_length == 5 && !memcmp(name, ":path", 5)) {
        if (length >= 13 && !memcmp(value, "/v1/projects/", 13)) s->kind = FCM;
        else if (length == 6 && !memcmp(value, "/token", 6)) s->kind = TOKEN;
        else s->device = number_of(value, length);
    } else if (name_length == 7 && length <= ID_MAX && !memcmp(name, "apns-id", 7)) {
        memcpy(s->id, value, length);
        s->id_length = length;
    }
    return 0;
}

static void count(const struct stream *s) {
    if (s && s->kind == APNS && s->device < devices && tally[s->device] < 255) tally[s->device]++;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    struct connection *c = user;
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) || frame->hd.type > NGHTTP2_HEADERS) return 0;
    requests++;
    count(nghttp2_session_get_stream_user_data(session, frame->hd.stream_id));
    if (delay || jitter) answer_later(c, frame->hd.stream_id);
    else submit(c, frame->hd.stream_id);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user) {
    (void)code, (void)user;
    free(nghttp2_session_get_stream_user_data(session, id));
    return 0;
}

static void start_http2(struct connection *c, nghttp2_session_callbacks *callbacks) {
    nghttp2_settings_entry values[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, max_streams}};
    nghttp2_session_server_new(&c->session, callbacks, c);
    nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, values, 1);
    nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
    pump(c);
}

/* google-auth and clients of FCM that speak HTTP/1.1: any complete request that is no push
 * gets a token. */
static void serve_http1(struct connection *c, const char *data, int size) {
    char *end, *length;
    if (c->in_length + size >= sizeof c->in) { c->dead = 1; return; }
    memcpy(c->in + c->in_length, data, size);
    c->in_length += size;
    c->in[c->in_length] = 0;
    if (!(end = strstr(c->in, "\r\n\r\n"))) return;
    length = strcasestr(c->in, "content-length:");
    if (c->in + c->in_length < end + 4 + (length ? atoi(length + 15) : 0)) return;
    c->in_length = 0;
    if (strncmp(c->in, "POST /v1/projects/", 18)) { answer_http1(c, ACCESS_TOKEN); return; }
    requests++;
    if (delay || jitter) answer_later(c, 0);
    else answer_fcm_http1(c);
}

static void serve(struct connection *c, nghttp2_session_callbacks *callbacks) {
    static uint8_t buffer[RECORD];
    int n;
    ERR_clear_error();
    if (!c->shaken) {
        const unsigned char *protocol;
        unsigned size;
        if ((n = SSL_accept(c->ssl)) <= 0) {
            if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ) c->dead = 1;
            return;
        }
        c->shaken = 1;
        SSL_get0_alpn_selected(c->ssl, &protocol, &size);
        c->http1 = size && size != 2;
        if (size == 2) start_http2(c, callbacks);
    }
    while (!c->dead && (n = SSL_read(c->ssl, buffer, sizeof buffer)) > 0) {
        if (!c->http1 && !c->session) { /* it did not say what it speaks: aioapns does not */
            c->http1 = n < 3 || memcmp(buffer, "PRI", 3);
            if (!c->http1) start_http2(c, callbacks);
        }
        if (c->http1) serve_http1(c, (char *)buffer, n);
        else if (nghttp2_session_mem_recv(c->session, buffer, n) < 0) c->dead = 1;
        else pump(c);
    }
    if (!c->dead && SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ) c->dead = 1;
    if (c->session && !c->dead) pump(c);
}

static void accept_all(int listener, SSL_CTX *context) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c->fd = fd;
        c->ssl = SSL_new(context);
        SSL_set_fd(c->ssl, fd);
        SSL_set_accept_state(c->ssl);
        watch(c, EPOLL_CTL_ADD);
    }
}

static int choose(SSL *ssl, const unsigned char **out, unsigned char *size,
                  const unsigned char *in, unsigned in_size, void *user) {
    (void)ssl, (void)user;
    return nghttp2_select_next_protocol((unsigned char **)out, size, in, in_size) < 0
        ? SSL_TLSEXT_ERR_NOACK : SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_context(const char *certificate, const char *key) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_alpn_select_cb(context, choose, NULL);
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    return context;
}

static void open_tally(const char *path) {
    struct stat found;
    int fd = open(path, O_RDWR);
    if (fd < 0 || fstat(fd, &found)) { perror(path); exit(1); }
    devices = found.st_size;
    tally = mmap(NULL, devices, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (tally == MAP_FAILED) { perror(path); exit(1); }
    close(fd);
}

static int listen_on_loopback(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(fd, (void *)&address, size) || listen(fd, 512)) { perror("sink"); exit(1); }
    getsockname(fd, (void *)&address, &size);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

/* A line from whoever started it; a wrong one changes nothing. */
static void obey(void) {
    char line[64];
    ssize_t n = read(STDIN_FILENO, line, sizeof line - 1);
    int new_delay, new_jitter, new_record;
    if (n <= 0) { epoll_ctl(epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL); return; }
    line[n] = 0;
    if (sscanf(line, "%d %d %d", &new_delay, &new_jitter, &new_record) == 3 &&
        new_delay >= 0 && new_jitter >= 0 && new_delay + new_jitter < SLOTS) {
        delay = new_delay;
        jitter = new_jitter;
        one_record = new_record;
    }
    printf("requests %llu\n", requests);
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc < 3) { fprintf(stderr, "usage: sink CERTIFICATE KEY [DELAY_MS ...]\n"); return 2; }
    delay = argc > 3 ? atoi(argv[3]) : 0;
    jitter = argc > 4 ? atoi(argv[4]) : 0;
    one_record = argc > 5 ? atoi(argv[5]) : 0;
    if (argc > 6) max_streams = atoi(argv[6]);
    if (argc > 7) open_tally(argv[7]);
    if (delay + jitter >= SLOTS) { fprintf(stderr, "sink: the delay is too long\n"); return 2; }
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = stop}, NULL);

    SSL_CTX *context = make_context(argv[1], argv[2]);
    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);

    int listener = listen_on_loopback();
    struct epoll_event events[256], listening = {.events = EPOLLIN, .data.ptr = NULL};
    struct epoll_event said = {.events = EPOLLIN, .data.ptr = &said};
    epoll = epoll_create1(0);
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &listening);
    epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &said);  /* no file or /dev/null: refused */
    turned = now_ms();
    while (!stopped) {
        int n = epoll_wait(epoll, events, 256, waiting_answers ? 1 : 1000);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c) { accept_all(listener, context); continue; }
            if (events[i].data.ptr == &said) { obey(); continue; }
            if (c->out_length && events[i].events & EPOLLOUT) flush_out(c);
            if (!c->dead) serve(c, callbacks);
            if (c->dead) close_connection(c);
        }
        turn_wheel();
    }
    printf("requests %llu\n", requests);
    return 0;
}
