package client_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// What the tests log in with; none of it may turn up in an error.
const (
	password     = "canary-Pa55word&x"
	clientSecret = "canary-cl1ent/secret"
)

const (
	basicInfo = `{"name":"TestDirector","uuid":"deadbeef-0000-4000-8000-000000000001","version":"283.1.6 (170763c7)",` +
		`"user":null,"cpi":"test-cpi","user_authentication":{"type":"basic","options":{}},"features":{}}`
	uaaInfo = `{"name":"TestDirector","uuid":"deadbeef-0000-4000-8000-000000000001","version":"283.1.6 (170763c7)",` +
		`"user":null,"cpi":"test-cpi","user_authentication":{"type":"uaa","options":{"url":%q,"urls":[%q]}},"features":{}}`
)

// seen is a request that a fake director got.
type seen struct {
	method, uri, login, body string
	header                   http.Header
}

// fakeDirector answers by routes, "METHOD /path" without the query, and keeps
// what it was asked. /info needs no route.
type fakeDirector struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []seen
	routes map[string]http.HandlerFunc
	accept func(login string) bool // nil accepts every login
	// fallback answers what has no route.
	fallback http.HandlerFunc
}

// quiet is a log that nobody reads.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func newDirector(t testing.TB, routes map[string]http.HandlerFunc) *fakeDirector {
	t.Helper()
	d := &fakeDirector{routes: routes}
	d.Server = httptest.NewUnstartedServer(d)
	d.Config.ErrorLog = quiet()
	d.StartTLS()
	t.Cleanup(d.Close)
	return d
}

func (d *fakeDirector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	d.asked = append(d.asked, seen{r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"), string(body), r.Header})
	d.mu.Unlock()
	route, ok := d.routes[r.Method+" "+r.URL.Path]
	switch {
	case r.URL.Path != "/info" && d.accept != nil && !d.accept(r.Header.Get("Authorization")):
		http.Error(w, "Not authorized: '"+r.URL.Path+"'", http.StatusUnauthorized)
	case ok:
		route(w, r)
	case r.URL.Path == "/info":
		_, _ = io.WriteString(w, basicInfo)
	case d.fallback != nil:
		d.fallback(w, r)
	default:
		http.Error(w, "Not Found: "+r.URL.Path, http.StatusNotFound)
	}
}

// requests are the method and URI of what was asked, but for /info.
func (d *fakeDirector) requests() []string {
	var list []string
	for _, s := range d.seen() {
		if s.uri != "/info" {
			list = append(list, s.method+" "+s.uri)
		}
	}
	return list
}

func (d *fakeDirector) seen() []seen {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.asked)
}

// uaa is a fake UAA: each token that it gives out replaces the one before.
type uaa struct {
	*fakeDirector
	valid atomic.Value // string, the token that is good
	given atomic.Int32
}

// revoke makes every token that was given out useless.
func (u *uaa) revoke() { u.valid.Store("") }

// uaaDirector is a fake director that takes the tokens of a fake UAA.
func uaaDirector(t testing.TB, routes map[string]http.HandlerFunc) (*fakeDirector, *uaa) {
	t.Helper()
	u := &uaa{}
	u.revoke()
	u.fakeDirector = newDirector(t, map[string]http.HandlerFunc{"POST /oauth/token": func(w http.ResponseWriter, _ *http.Request) {
		token := fmt.Sprintf("token-%d", u.given.Add(1))
		u.valid.Store(token)
		_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"bearer","expires_in":599}`, token)
	}})
	d := newDirector(t, routes)
	if d.routes == nil {
		d.routes = map[string]http.HandlerFunc{}
	}
	d.routes["GET /info"] = text(200, fmt.Sprintf(uaaInfo, u.URL, u.URL))
	d.accept = func(login string) bool { return u.valid.Load() != "" && login == "bearer "+u.valid.Load().(string) }
	return d, u
}

// count is the number of requests with a method, /info left out.
func (d *fakeDirector) count(method string) (n int) {
	for _, s := range d.seen() {
		if s.method == method && s.uri != "/info" {
			n++
		}
	}
	return n
}

// ca is the certificate of a TLS test server.
func ca(s *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

// login configures a client for d as its user, with fast retries.
func login(d *fakeDirector) client.Config {
	return client.Config{Config: transport.Config{
		URL: d.URL, CACert: ca(d.Server), Username: "admin", Password: secret.New(password),
		Retry: retry.Policy{Attempts: 2, First: time.Millisecond, Max: time.Millisecond},
	}, Poll: time.Millisecond}
}

func newClient(t testing.TB, config client.Config) *client.Client {
	t.Helper()
	c, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// connect is a client for a fake director with these routes.
func connect(t testing.TB, routes map[string]http.HandlerFunc) (*client.Client, *fakeDirector) {
	t.Helper()
	d := newDirector(t, routes)
	return newClient(t, login(d)), d
}

// strangeCA is a certificate that no test server has.
func strangeCA(t testing.TB) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// text answers with a status and a body, typed as the director types its JSON.
func text(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html;charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// started answers as a director that has made a task.
func started(id int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", fmt.Sprintf("https://%s/tasks/%d", r.Host, id))
		w.WriteHeader(http.StatusFound)
	}
}

// drop closes the connection in place of an answer.
func drop(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// inTurn answers the first request by the first handler and so on; the last
// handler answers the rest.
func inTurn(handlers ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		handler := handlers[min(n, len(handlers)-1)]
		n++
		mu.Unlock()
		handler(w, r)
	}
}

func task(id int, state string) string {
	return fmt.Sprintf(`{"id":%d,"state":%q,"description":"create deployment","timestamp":1795253117,"started_at":1795253109,`+
		`"result":null,"user":"test","deployment":"concourse","context_id":"ctx"}`, id, state)
}
