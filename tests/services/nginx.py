"""nginx with the configuration of deploy/nginx/, in front of processes of a test."""

import ssl
from collections.abc import Sequence
from pathlib import Path

import trustme

from .ports import HOST, accepts, free_port
from .process import Service, find_program

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx" / "moziweb.conf"
SERVER_NAME = "moziweb.example"

MAIN = """
daemon off;
user {user};
pid {home}/pid;
error_log stderr;
events {{}}
http {{
    access_log {home}/access.log;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    include {home}/site.conf;
}}
"""


class NginxServer(Service):
    """nginx on ``127.0.0.1:port`` with TLS, in front of two processes on ``web_ports``."""

    name = "nginx"

    def __init__(self, *web_ports: int) -> None:
        super().__init__()
        self.port, self.plain_port = free_port(), free_port()
        self._web_ports = web_ports
        self._authority = trustme.CA()

    def context(self) -> ssl.SSLContext:
        """For clients: trusts the certificate."""
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        return context

    def prepare(self) -> None:
        """Write the configuration, with other ports and a new certificate."""
        certificate = self._authority.issue_cert(SERVER_NAME)
        certificate.private_key_and_cert_chain_pem.write_to_path(str(self.home / "site.pem"))
        folder = f"/etc/letsencrypt/live/{SERVER_NAME}"
        text = CONFIGURATION.read_text()
        for given, here in (
            ("listen 80;", f"listen {HOST}:{self.plain_port};"),
            ("listen 443 ssl;", f"listen {HOST}:{self.port} ssl;"),
            (f"{folder}/fullchain.pem", f"{self.home}/site.pem"),
            (f"{folder}/privkey.pem", f"{self.home}/site.pem"),
            *((f"{HOST}:{8081 + i};", f"{HOST}:{port};") for i, port in enumerate(self._web_ports)),
        ):
            assert given in text
            text = text.replace(given, here)
        (self.home / "site.conf").write_text(text)
        user = self.home.owner()
        (self.home / "nginx.conf").write_text(MAIN.format(home=self.home, user=user))

    def command(self) -> Sequence[str]:
        """In the foreground."""
        program = find_program("nginx", Path("/usr/sbin"))
        return [program, "-c", str(self.home / "nginx.conf"), "-p", str(self.home)]

    def is_ready(self) -> bool:
        """Whether it accepts connections."""
        return accepts(self.port)
