/* The other model: an echo server with one thread for all connections, woken by epoll (level-triggered).
 *
 * A connection whose peer does not read keeps what could not be sent, and is asked about writing instead of reading
 * until that is gone.
 *
 * usage: epoll_echo PORT       (0: the system chooses; the first line on stdout names the port)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 64 * 1024, BACKLOG = 4096, EVENTS = 256 };

struct client {
    int socket;
    char *unsent;
    size_t start, end;
};

static int events;
static char buffer[BUFFER];

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void ask(int how, int socket, struct client *client, unsigned what)
{
    struct epoll_event event = { .events = what, .data.ptr = client };
    epoll_ctl(events, how, socket, &event);
}

static void drop(struct client *client)
{
    close(client->socket); /* takes it out of the epoll set, too */
    free(client->unsent);
    free(client);
}

static void take_new(int server)
{
    int yes = 1, socket;

    while ((socket = accept4(server, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct client *client = calloc(1, sizeof *client);
        if (!client)
            fail("calloc");
        client->socket = socket;
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        ask(EPOLL_CTL_ADD, socket, client, EPOLLIN);
    }
}

static void send_rest(struct client *client)
{
    ssize_t put = send(client->socket, client->unsent + client->start, client->end - client->start, MSG_NOSIGNAL);

    if (put < 0) {
        if (errno != EAGAIN)
            drop(client);
        return;
    }
    client->start += put;
    if (client->start == client->end) {
        free(client->unsent);
        client->unsent = NULL;
        ask(EPOLL_CTL_MOD, client->socket, client, EPOLLIN);
    }
}

static void echo(struct client *client)
{
    ssize_t got = recv(client->socket, buffer, BUFFER, 0), put;

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        drop(client);
        return;
    }
    put = send(client->socket, buffer, got, MSG_NOSIGNAL);
    if (put < 0 && errno != EAGAIN) {
        drop(client);
        return;
    }
    if (put < 0)
        put = 0;
    if (put < got) {
        client->start = 0;
        client->end = got - put;
        client->unsent = malloc(client->end);
        if (!client->unsent)
            fail("malloc");
        memcpy(client->unsent, buffer + put, client->end);
        ask(EPOLL_CTL_MOD, client->socket, client, EPOLLOUT);
    }
}

int main(int count, char **arguments)
{
    int yes = 1, server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    struct epoll_event happened[EVENTS];

    address.sin_port = htons(count > 1 ? atoi(arguments[1]) : 0);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(server, (struct sockaddr *)&address, length) || listen(server, BACKLOG))
        fail("listen");
    getsockname(server, (struct sockaddr *)&address, &length);
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);

    events = epoll_create1(0);
    if (events < 0)
        fail("epoll_create1");
    ask(EPOLL_CTL_ADD, server, NULL, EPOLLIN); /* no client: this is the listener */
    for (;;) {
        int n = epoll_wait(events, happened, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct client *client = happened[i].data.ptr;
            if (!client)
                take_new(server);
            else if (client->unsent)
                send_rest(client);
            else
                echo(client);
        }
    }
}
