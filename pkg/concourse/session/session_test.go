package session_test

import (
	"errors"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

func TestNew_refusesWhatCannotWork(t *testing.T) {
	cases := []struct{ name, url, want string }{
		{"nothing", "", "missing"},
		{"no scheme", "ci.example.com", "not absolute"},
		{"only a port", "localhost:8080", "not absolute"},
		{"another scheme", "ftp://ci.example.com", "not absolute"},
		{"no host", "https://", "not absolute"},
		{"credentials", "https://admin:" + canary + "@ci.example.com", "credentials"},
		{"credentials in what is malformed", "https://admin:" + canary + "@ci example.com/%zz", "malformed"},
		{"a password over http", "http://ci.example.com", "in clear"},
		{"a password over http to an address", "http://10.0.0.7:8080", "in clear"},
		{"query", "https://ci.example.com/?a=b", "query"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := session.New(session.Config{URL: c.url})
			clearly(t, err, c.want)
		})
	}
	_, err := session.New(session.Config{URL: "https://ci.example.com", CACert: "no pem"})
	if !errors.Is(err, retry.ErrCACert) {
		t.Errorf("error = %v, want ErrCACert", err)
	}
}
