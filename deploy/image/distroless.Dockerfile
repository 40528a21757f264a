# What gcr.io/distroless/python3-debian13 has, laid out from the same packages of Debian (its lists:
# static, base, cc and python3), for machines that reach Debian's archive and no image registry.
FROM docker.io/library/debian:trixie-slim AS layout
WORKDIR /packages
RUN apt-get update && apt-get download \
    base-files netbase tzdata tzdata-legacy media-types ca-certificates \
    libc6 libssl3t64 libzstd1 zlib1g libgomp1 libstdc++6 libgcc-s1 gcc-14-base \
    libbz2-1.0 libdb5.3t64 libexpat1 liblzma5 libsqlite3-0 libuuid1 libncursesw6 libtinfo6 \
    libcom-err2 libcrypt1 libc-bin libgssapi-krb5-2 libk5crypto3 libkeyutils1 libkrb5-3 \
    libkrb5support0 libnsl2 libreadline8t64 libtirpc3t64 libffi8 \
    libpython3.13-minimal libpython3.13-stdlib python3.13-minimal python3.13-venv
# base-files first: it has the links from / to /usr
RUN mkdir /root-fs \
 && for one in base-files_*.deb *.deb; do dpkg-deb -x "$one" /root-fs || exit 1; done \
 && mkdir -p /root-fs/tmp /root-fs/etc/ssl/certs /root-fs/home/nonroot \
 && chmod 1777 /root-fs/tmp \
 && chown 65532:65532 /root-fs/home/nonroot \
 && cat /root-fs/usr/share/ca-certificates/mozilla/*.crt >/root-fs/etc/ssl/certs/ca-certificates.crt \
 && ln -s python3.13 /root-fs/usr/bin/python3 \
 && ln -s python3.13 /root-fs/usr/bin/python \
 && echo root:x:0:0:root:/root:/sbin/nologin >/root-fs/etc/passwd \
 && echo nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin >>/root-fs/etc/passwd \
 && echo root:x:0: >/root-fs/etc/group \
 && echo nonroot:x:65532: >>/root-fs/etc/group \
 && ldconfig -r /root-fs

FROM scratch
COPY --from=layout /root-fs /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    LANG=C.UTF-8
USER 65532
ENTRYPOINT ["/usr/bin/python3.13"]
