"""An RTSP camera for tests: serves MP4 files over GStreamer's RTSP server, with
digest authentication.

Usage: server.py PORT USER PASSWORD NAME=FILE=CODEC[=AUDIO]...
CODEC is h264, h265 or none, AUDIO aac. The first line written is the port, once it
answers. It ends with its standard input."""
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

VIDEO = {"h264": "rtph264pay config-interval=-1", "h265": "rtph265pay config-interval=-1"}

port, user, password, *films = sys.argv[1:]
Gst.init(None)
server = GstRtspServer.RTSPServer(address="127.0.0.1", service=port)

auth = GstRtspServer.RTSPAuth()
auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
viewer = GstRtspServer.RTSPToken()
viewer.set_string("media.factory.role", "viewer")
auth.add_digest(user, password, viewer)
server.set_auth(auth)

for film in films:
    name, path, codec, *audio = film.split("=")
    parts, pay = [f'filesrc location="{path}" ! qtdemux name=d'], 0
    if codec != "none":
        parts.append(f"d.video_0 ! queue ! {VIDEO[codec]} name=pay{pay} pt=96")
        pay += 1
    if audio:
        parts.append(f"d.audio_0 ! queue ! rtpmp4gpay name=pay{pay} pt=97")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch("( " + " ".join(parts) + " )")
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/" + name, factory)

if server.attach(None) == 0:
    sys.exit(f"port {port} is taken")
print(server.get_bound_port(), flush=True)
loop = GLib.MainLoop()
GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IO_HUP | GLib.IO_IN, lambda *_: loop.quit())
loop.run()
