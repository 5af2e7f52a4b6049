/* The yardstick: an echo server with one thread for each connection, as plain as C allows.
 *
 * usage: thread_echo PORT      (0: the system chooses; the first line on stdout names the port)
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 16 * 1024, STACK = 64 * 1024, BACKLOG = 4096 };

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void *echo(void *argument)
{
    int client = (int)(intptr_t)argument;
    char *buffer = malloc(BUFFER);
    ssize_t got, put;

    while (buffer && (got = recv(client, buffer, BUFFER, 0)) > 0)
        for (ssize_t sent = 0; sent < got; sent += put)
            if ((put = send(client, buffer + sent, got - sent, MSG_NOSIGNAL)) < 0)
                goto gone;
gone:
    free(buffer);
    close(client);
    return NULL;
}

int main(int count, char **arguments)
{
    int yes = 1, server = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    pthread_attr_t attributes;

    address.sin_port = htons(count > 1 ? atoi(arguments[1]) : 0);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(server, (struct sockaddr *)&address, length) || listen(server, BACKLOG))
        fail("listen");
    getsockname(server, (struct sockaddr *)&address, &length);
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (;;) {
        int client = accept(server, NULL, NULL);
        pthread_t thread;
        if (client < 0)
            continue;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (pthread_create(&thread, &attributes, echo, (void *)(intptr_t)client))
            close(client);
    }
}
