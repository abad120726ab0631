# moziweb behind Varnish 7 with xkey (Debian: varnish, varnish-modules). Run it with
# `-p http_gzip_support=off`: pages come compressed, in more forms than Varnish would make.
# tests/site/test_over_http.py runs this very file.
vcl 4.1;

import xkey;

backend site {
    .host = "127.0.0.1";
    .port = "6543";
}

# Who may purge: the machines of web processes, workers and commands.
acl purgers {
    "127.0.0.1";
}

sub vcl_recv {
    if (req.method == "PURGE") {
        if (client.ip !~ purgers) {
            return (synth(403));
        }
        if (!req.http.xkey-purge) {
            return (synth(400));
        }
        return (synth(200, "Purged " + xkey.purge(req.http.xkey-purge)));
    }

    # Public pages know no cookies; the manager's are none of theirs.
    if (req.url !~ "^/manager") {
        unset req.http.Cookie;
    }

    # One of three, or each browser's spelling would have copies of its own.
    if (req.http.Accept-Encoding ~ "(?i)\bbr\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))") {
        set req.http.Accept-Encoding = "br";
    } elsif (req.http.Accept-Encoding ~ "(?i)\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))") {
        set req.http.Accept-Encoding = "gzip";
    } else {
        unset req.http.Accept-Encoding;
    }
}

sub vcl_backend_response {
    # Kept is what says for how long; s-maxage and stale-while-revalidate do the rest. A grace set
    # here would stand in the place of the latter.
    if (!beresp.http.Cache-Control) {
        set beresp.ttl = 0s;
        set beresp.uncacheable = true;
    }
}

sub vcl_deliver {
    # The tags are between the two of us.
    unset resp.http.xkey;
}
