package onvif

import (
	"net"

	"golang.org/x/net/ipv4"
)

// listen opens a socket for each way a probe is sent.
func listen(to *net.UDPAddr) ([]net.PacketConn, error) {
	if !to.IP.IsMulticast() {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{})
		if err != nil {
			return nil, err
		}
		return []net.PacketConn{c}, nil
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var conns []net.PacketConn
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagMulticast == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		c, err := net.ListenUDP("udp4", &net.UDPAddr{})
		if err != nil {
			return conns, err
		}
		if ipv4.NewPacketConn(c).SetMulticastInterface(&i) != nil {
			c.Close() // no IPv4 there
			continue
		}
		conns = append(conns, c)
	}
	return conns, nil
}
