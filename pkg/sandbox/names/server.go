// Package names is a simulated DNS, whose answers may change from one question to the next.
package names

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// Server answers for the hosts that it knows: with the first list of addresses when it is
// asked first, then with the second, and with the last one from then on. It knows no other host.
type Server struct {
	mu    sync.Mutex
	hosts map[string][][]netip.Addr
	asked map[dnsmessage.Question]int
}

// New makes a server that knows no host.
func New() *Server {
	return &Server{hosts: map[string][][]netip.Addr{}, asked: map[dnsmessage.Question]int{}}
}

// Set says what the server answers for a host: addresses with spaces between them, once
// for each time that it is asked.
func (s *Server) Set(host string, answers ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts[host] = nil
	for _, answer := range answers {
		var list []netip.Addr
		for _, text := range strings.Fields(answer) {
			list = append(list, netip.MustParseAddr(text))
		}
		s.hosts[host] = append(s.hosts[host], list)
	}
}

// Resolver asks this server alone.
func (s *Server) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go s.serve(there)
		return here, nil
	}}
}

// serve answers on one connection, as DNS over TCP (RFC 1035, 4.2.2).
func (s *Server) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		request := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, request); err != nil {
			return
		}
		answer, err := s.answer(request)
		if err != nil {
			return
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// answer makes the answer to one question.
func (s *Server) answer(request []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(request); err != nil {
		return nil, err
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	q := m.Questions[0]
	addresses, known := s.next(q)
	if !known {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, a := range addresses {
		var body dnsmessage.ResourceBody
		switch {
		case a.Is4() && q.Type == dnsmessage.TypeA:
			body = &dnsmessage.AResource{A: a.As4()}
		case a.Is6() && q.Type == dnsmessage.TypeAAAA:
			body = &dnsmessage.AAAAResource{AAAA: a.As16()}
		default:
			continue
		}
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class}, Body: body})
	}
	return m.Pack()
}

// next is the answer to a question that is asked once more.
func (s *Server) next(q dnsmessage.Question) (addresses []netip.Addr, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answers, known := s.hosts[strings.TrimSuffix(q.Name.String(), ".")]
	if len(answers) == 0 {
		return nil, known
	}
	n := s.asked[q]
	s.asked[q]++
	return answers[min(n, len(answers)-1)], true
}
