# moziweb behind Varnish 7 with xkey (Debian: varnish, varnish-modules). Change the addresses; keep
# moziweb.vcl beside this file. Run it with `-p http_gzip_support=off`: the site compresses pages,
# also with Brotli, which Varnish cannot. tests/site/test_over_http.py runs this file.
vcl 4.1;

backend site {
    .host = "127.0.0.1";
    .port = "6543";
}

# Clients that may purge: the machines of web processes, workers and commands.
acl purgers {
    "127.0.0.1";
}

include "./moziweb.vcl";
