package github_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/github"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/github"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
)

func TestContent_givesASmallFileAndNoLargerOne(t *testing.T) {
	w := start(t, sandbox.Options{}, nil, tlsca.Options{})
	w.Publish(repo, sandbox.Release{Tag: "v1.0.0", Assets: []sandbox.Asset{{Name: "statement", Content: []byte("twelve bytes")}}})
	c := client(t, github.Config{URL: w.url, Policy: fast})
	release, err := c.ReleaseByTag(t.Context(), repo, "v1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	url := release.Assets[0].URL
	if text, err := c.Content(t.Context(), repo, url, dial.Loopback, 12); err != nil || string(text) != "twelve bytes" {
		t.Errorf("content = %q, error = %v", text, err)
	}
	if _, err := c.Content(t.Context(), repo, url, dial.Loopback, 11); err == nil || !strings.Contains(err.Error(), "more than 11 bytes") {
		t.Errorf("error = %v, want one of the size", err)
	}
	if _, err := c.Content(t.Context(), repo, url, dial.Internet, 12); !dial.Refused(err) {
		t.Errorf("error = %v, want a refusal: a server on the internet may not name this machine", err)
	}
	w.Withdraw(repo, "v1.0.0")
	if _, err := c.Content(t.Context(), repo, url, dial.Loopback, 12); !errors.Is(err, github.ErrNotFound) {
		t.Errorf("error = %v, want %v", err, github.ErrNotFound)
	}
}
