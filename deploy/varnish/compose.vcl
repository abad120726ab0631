# The addresses of deploy/compose.yaml.
vcl 4.1;

backend site {
    .host = "web";
    .port = "8080";
}

# The networks that Docker and Podman give to containers. The proxy in front must refuse PURGE.
acl purgers {
    "10.0.0.0"/8;
    "172.16.0.0"/12;
    "192.168.0.0"/16;
}

include "./moziweb.vcl";
