package client_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// Whoever waits for a director gives up at once on what is refused, and on nothing else.
func TestRefused_isWhatAnotherLookWouldOnlyRepeat(t *testing.T) {
	answering := func(handler http.HandlerFunc) client.Config {
		return login(newDirector(t, map[string]http.HandlerFunc{"GET /locks": handler}))
	}
	strange, system, named := answering(text(200, "[]")), answering(text(200, "[]")), answering(text(200, "[]"))
	strange.CACert, system.CACert = strangeCA(t), ""
	named.URL = "https://localhost" + named.URL[len("https://127.0.0.1"):]
	gone := newDirector(t, nil)
	gone.Close()
	uaa := func(status int, body string) client.Config {
		d, u := uaaDirector(t, nil)
		u.routes = map[string]http.HandlerFunc{"POST /oauth/token": text(status, body)}
		return asClient(d)
	}
	for name, c := range map[string]struct {
		config  client.Config
		refused bool
	}{
		"a wrong password":         {answering(text(401, "Not authorized: '/locks'\n")), true},
		"no right to it":           {answering(text(401, `{"code":600000,"description":"Require one of the scopes: bosh.admin"}`)), true},
		"403":                      {answering(text(403, "")), true},
		"a client that UAA denies": {uaa(401, `{"error":"unauthorized"}`), true},
		"an unknown authority":     {strange, true},
		"none that we were given":  {system, true},
		"another's certificate":    {named, true},
		"404":                      {answering(text(404, `{"code":70000,"description":"x"}`)), false},
		"400":                      {answering(text(400, "")), false},
		"too many requests":        {answering(text(429, "")), false},
		"500":                      {answering(text(500, "")), false},
		"502 of a proxy":           {answering(text(502, "<html>")), false},
		"a page":                   {answering(text(200, "<html>")), false},
		"no JSON":                  {answering(text(200, "ok")), false},
		"no answer":                {answering(drop), false},
		"a UAA that is starting":   {uaa(503, ""), false},
		"nobody there":             {login(gone), false},
	} {
		c.config.Retry = retry.Never
		_, err := newClient(t, c.config).Locks(t.Context())
		if err == nil || bosh.Refused(err) != c.refused || bosh.Refused(fmt.Errorf("list locks: %w", err)) != c.refused {
			t.Errorf("%s: refused is %t of %v", name, bosh.Refused(err), err)
		}
	}
	if bosh.Refused(nil) {
		t.Error("success is refused")
	}
}
