# The rules of moziweb behind Varnish 7 with xkey. default.vcl and compose.vcl include this file and
# have the addresses: the backend, and the acl "purgers".
vcl 4.1;

import xkey;

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

    # Public pages do not use cookies. The browser sends the manager's cookies to the manager only.
    if (req.url !~ "^/(en/)?manager([/?]|$)") {
        unset req.http.Cookie;
    }

    # Normalise to one of three values; otherwise each browser's spelling would have its own copy.
    if (req.http.Accept-Encoding ~ "(?i)\bbr\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))") {
        set req.http.Accept-Encoding = "br";
    } elsif (req.http.Accept-Encoding ~ "(?i)\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))") {
        set req.http.Accept-Encoding = "gzip";
    } else {
        unset req.http.Accept-Encoding;
    }
}

sub vcl_backend_response {
    # Do not store responses without Cache-Control. For the others, Varnish uses s-maxage and
    # stale-while-revalidate; setting beresp.grace here would override the latter.
    if (!beresp.http.Cache-Control) {
        set beresp.ttl = 0s;
        set beresp.uncacheable = true;
    }
}

sub vcl_deliver {
    # The tags are for Varnish only.
    unset resp.http.xkey;
}
