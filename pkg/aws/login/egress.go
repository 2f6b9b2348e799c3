package login

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// EgressAddress is the IPv4 address from which this machine reaches the internet,
// "203.0.113.7", as checkip.amazonaws.com sees it. Behind an HTTP proxy that is
// the proxy's.
func (s *Session) EgressAddress(ctx context.Context) (string, error) {
	ctx, cancel := s.Bound(ctx)
	defer cancel()
	address, err := s.egress(ctx)
	if err != nil {
		return "", fmt.Errorf("ask %s for the address of this machine: %w (access.director set by hand needs no such answer)", s.options.CheckIP, err)
	}
	return address, nil
}

// egress asks.
func (s *Session) egress(ctx context.Context) (string, error) {
	body, err := s.Get(ctx, s.options.CheckIP, 4096)
	if err != nil {
		return "", err
	}
	address, err := netip.ParseAddr(strings.TrimSpace(string(body)))
	if err != nil || !address.Is4() || address.IsUnspecified() {
		return "", fmt.Errorf("the answer is not an IPv4 address: %q", retry.FirstLine(string(body)))
	}
	return address.String(), nil
}

// Get reads a page of at most limit bytes that is not a call of a service.
func (s *Session) Get(ctx context.Context, url string, limit int64) ([]byte, error) {
	client, err := retry.NewClient(retry.Options{CACert: s.options.CACert, Policy: s.options.Policy, MaxBody: limit})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, retry.Explain(err, request.URL.Host, s.options.CACert != "")
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %s", answer.Status)
	}
	return body, nil
}
