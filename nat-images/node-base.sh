#!/usr/bin/env bash
# Makes the files of an image of this machine's own Node, with a Dockerfile: the
# program and the libraries that it loads, nothing else. It is the base of the
# JavaScript peers' images where no registry of images can be reached.
#
# usage: nat-images/node-base.sh FOLDER
set -euo pipefail

folder=${1:?"usage: $0 FOLDER"}
node=$(readlink -f "$(command -v node)")
rm -rf "$folder"
mkdir -p "$folder/root/usr/bin" "$folder/root/tmp"
cp "$node" "$folder/root/usr/bin/node"
# Each library where it is looked for; the loader by its absolute name.
ldd "$node" | grep -oE '/[^ ]+' | while read -r library; do
	mkdir -p "$folder/root$(dirname "$library")"
	cp -L "$library" "$folder/root$library"
done
cat > "$folder/Dockerfile" <<'END'
FROM scratch
COPY root /
ENV PATH=/usr/bin HOME=/tmp
END
