# Run by `sh -e` in a network and a view of the files of its own. Behind it stand a folder of files for /etc, then a program
# and its arguments.
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
for file in "$1"/*; do
    if [ -e "/etc/${file##*/}" ]; then mount --bind "$file" "/etc/${file##*/}"; fi
done
# A daemon that remembers names would answer from outside.
if [ -d /run/nscd ]; then mount -t tmpfs none /run/nscd; fi
shift
