package registry_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/registry"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/registry"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// site is a registry behind TLS.
type site struct {
	host, ca string
	notices  []string
}

// serve serves a registry on loopback.
func serve(t *testing.T, handler http.Handler) *site {
	t.Helper()
	ca, err := tlsca.New()
	if err != nil {
		t.Fatal(err)
	}
	config, err := ca.Config(tlsca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that refuse the certificate
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	return &site{host: server.Listener.Addr().String(), ca: ca.PEM()}
}

// client asks it, as a user or nobody.
func (s *site) client(t *testing.T, user, password string) *registry.Client {
	t.Helper()
	c, err := registry.New(registry.Config{
		Hosts:  map[string]registry.Host{s.host: {Username: user, Password: secret.New(password), CACert: s.ca}},
		Policy: retry.Policy{Attempts: 3, First: time.Millisecond, Max: time.Millisecond},
		Notify: func(text string) { s.notices = append(s.notices, text) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// image is a repository of the site.
func (s *site) image(path string) registry.Image { return registry.Image{Host: s.host, Path: path} }

// A person can open it, also Docker Hub's, whose API has a name of its own.
func TestImage_manifestHasAnAddress(t *testing.T) {
	for text, want := range map[string]string{
		"ghcr.io/acme/tool": "https://ghcr.io/v2/acme/tool/manifests/sha256:00",
		"alpine":            "https://registry-1.docker.io/v2/library/alpine/manifests/sha256:00",
	} {
		image, err := registry.Parse(text)
		if got := image.ManifestURL("sha256:00"); err != nil || got != want {
			t.Errorf("%s: %s, error %v, want %s", text, got, err, want)
		}
	}
}

// A registry that pages without an end is left.
func TestTags_endsWithTooManyTags(t *testing.T) {
	page := `{"tags": ["` + strings.Repeat(`1.0.0", "`, 60_000) + `1.0.0"]}`
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next := "a"
		if r.URL.Query().Get("last") == "a" {
			next = "b"
		}
		w.Header().Set("Link", `</v2/acme/tool/tags/list?last=`+next+`>; rel="next"`)
		_, _ = io.WriteString(w, page)
	}))
	if _, err := at.client(t, "", "").Tags(t.Context(), at.image("acme/tool")); err == nil || !strings.Contains(err.Error(), "lists more than 200000 tags: gave up") {
		t.Errorf("error %v", err)
	}
}

func TestParse_readsWhatDockerTakes(t *testing.T) {
	for text, want := range map[string]string{
		"ghcr.io/acme/tool": "ghcr.io/acme/tool", "acme/tool": "docker.io/acme/tool", "alpine": "docker.io/library/alpine",
		"docker.io/alpine": "docker.io/library/alpine", "index.docker.io/acme/tool": "docker.io/acme/tool",
		"localhost/tool": "localhost/tool", "registry:5000/a/b/c": "registry:5000/a/b/c", "127.0.0.1:5000/a": "127.0.0.1:5000/a",
		"[::1]:5000/a": "[::1]:5000/a", "ghcr.io/a-b/c__d.e": "ghcr.io/a-b/c__d.e", "GHCR.io/acme/tool": "ghcr.io/acme/tool",
	} {
		if got, err := registry.Parse(text); err != nil || got.String() != want {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "/", "ghcr.io/", "ghcr.io/acme/tool:1.0.0", "ghcr.io/acme/tool@sha256:00", "https://ghcr.io/acme/tool", "ghcr.io/../tool", "ghcr.io/acme//tool",
		"ghcr.io/acme/tool/", "ghcr.io/acme/../x", "ghcr.io/acme/tool?x=1", "u:p@ghcr.io/acme/tool", "Acme/tool", "ghcr.io/acme/to ol", "ghcr.io/acme/tool\n", strings.Repeat("a", 300),
	} {
		if got, err := registry.Parse(text); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %s, %v, want it refused in one line", text, got, err)
		}
	}
}

func TestTags_readsAllPages(t *testing.T) {
	s := sandbox.New(sandbox.Options{PageSize: 3})
	at := serve(t, s)
	var want []string
	for i := range 10 {
		tag := fmt.Sprintf("1.%d.0", i)
		s.Push("acme/tool", tag, tag)
		want = append(want, tag)
	}
	got, err := at.client(t, "", "").Tags(t.Context(), at.image("acme/tool"))
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("tags %q, error %v, want %q", got, err, want)
	}
	if n := len(s.Requests()); n != 4 {
		t.Errorf("%d requests, want 4: %q", n, s.Requests())
	}
}

// What a registry lists goes into addresses, files and the build log.
func TestTags_passesOverWhatIsNoTag(t *testing.T) {
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"name": "acme/tool", "tags": ["1.0.0", "../../secret", "1.0\n0", "", "a@sha256:00", "1.1.0"]}`)
	}))
	tags, err := at.client(t, "", "").Tags(t.Context(), at.image("acme/tool"))
	if err != nil || !slices.Equal(tags, []string{"1.0.0", "1.1.0"}) || len(at.notices) != 1 {
		t.Errorf("tags %q, error %v, said %q", tags, err, at.notices)
	}
	for _, notice := range at.notices {
		if !strings.Contains(notice, "passed over 4 texts that are not tags, such as") || strings.Contains(notice, "\n") {
			t.Errorf("notice %q", notice)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"ghcr.io/acme/tool", "alpine", "[::1]:5000/a", "a:b@c/d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		image, err := registry.Parse(text)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			return
		}
		if again, err := registry.Parse(image.String()); err != nil || again != image {
			t.Errorf("%q is %s, and that is %s, %v", text, image, again, err)
		}
		at, err := url.Parse("https://" + image.String())
		if err != nil || at.Host != image.Host || at.Path != "/"+image.Path || at.User != nil || at.RawQuery != "" {
			t.Errorf("%q leads to %v, %v", text, at, err)
		}
	})
}

func TestDigest_isThatOfTheManifest(t *testing.T) {
	s := sandbox.New(sandbox.Options{})
	at := serve(t, s)
	want := s.Push("acme/tool", "1.0.0", "one")
	c := at.client(t, "", "")
	if got, err := c.Digest(t.Context(), at.image("acme/tool"), "1.0.0"); err != nil || got != want {
		t.Errorf("digest %s, error %v, want %s", got, err, want)
	}
	if err := c.Confirm(t.Context(), at.image("acme/tool"), want); err != nil {
		t.Error(err)
	}
	if asked := s.Requests(); asked[0] != "HEAD /v2/acme/tool/manifests/1.0.0" {
		t.Errorf("it asked %q; Docker Hub counts a GET as a pull", asked)
	}
	s.Forge("acme/tool", "1.0.0")
	var mismatch *registry.MismatchError
	if err := c.Confirm(t.Context(), at.image("acme/tool"), want); !errors.As(err, &mismatch) || mismatch.Want != want {
		t.Errorf("error = %v, want that the manifest is another one", err)
	}
}

// A registry need not say the digest in a header.
func TestDigest_isHashedWhereTheRegistryDoesNotSayIt(t *testing.T) {
	s := sandbox.New(sandbox.Options{})
	want := s.Push("acme/tool", "1.0.0", "one")
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.ServeHTTP(silent{w}, r) }))
	if got, err := at.client(t, "", "").Digest(t.Context(), at.image("acme/tool"), "1.0.0"); err != nil || got != want {
		t.Errorf("digest %s, error %v, want %s", got, err, want)
	}
}

// silent takes the digest out of the header.
type silent struct{ http.ResponseWriter }

func (s silent) Write(p []byte) (int, error) {
	s.Header().Del("Docker-Content-Digest")
	return s.ResponseWriter.Write(p)
}

func (s silent) WriteHeader(status int) {
	s.Header().Del("Docker-Content-Digest")
	s.ResponseWriter.WriteHeader(status)
}

func TestClient_logsIn(t *testing.T) {
	for _, c := range []struct {
		name, repository, user, password string
		basic                            bool
		want                             error
	}{
		{name: "nobody, public", repository: "acme/tool"},
		{name: "nobody, private", repository: "acme/secret", want: registry.ErrUnauthorized},
		{name: "a user, private", repository: "acme/secret", user: "robot", password: "hunter22"},
		{name: "another password", repository: "acme/tool", user: "robot", password: "canary", want: registry.ErrUnauthorized},
		{name: "a user, without tokens", repository: "acme/tool", user: "robot", password: "hunter22", basic: true},
		{name: "nobody, without tokens", repository: "acme/tool", basic: true, want: registry.ErrUnauthorized},
		{name: "another password, without tokens", repository: "acme/tool", user: "robot", password: "canary", basic: true, want: registry.ErrUnauthorized},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sandbox.New(sandbox.Options{Users: map[string]string{"robot": "hunter22"}, Private: []string{"acme/secret"}, Basic: c.basic})
			s.Push(c.repository, "1.0.0", "one")
			at := serve(t, s)
			client := at.client(t, c.user, c.password)
			tags, err := client.Tags(t.Context(), at.image(c.repository))
			if !errors.Is(err, c.want) || (c.want == nil) != (len(tags) == 1) {
				t.Errorf("tags %q, error %v, want %v", tags, err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "canary")) {
				t.Errorf("error = %q", err)
			}
			if c.want != nil {
				return
			}
			before := len(s.Requests())
			if _, err := client.Digest(t.Context(), at.image(c.repository), "1.0.0"); err != nil || len(s.Requests()) != before+1 {
				t.Errorf("error %v, asked %q: it should not log in again", err, s.Requests()[before:])
			}
			s.Expire()
			if _, err := client.Digest(t.Context(), at.image(c.repository), "1.0.0"); err != nil {
				t.Errorf("with a token that has expired: %v", err)
			}
		})
	}
}

func TestClient_namesWhatARegistryRefuses(t *testing.T) {
	s := sandbox.New(sandbox.Options{})
	s.Push("acme/tool", "1.0.0", "one")
	at := serve(t, s)
	c := at.client(t, "", "")
	if _, err := c.Tags(t.Context(), at.image("acme/none")); !errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), "NAME_UNKNOWN") {
		t.Errorf("unknown repository: %v", err)
	}
	if _, err := c.Digest(t.Context(), at.image("acme/tool"), "2.0.0"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("unknown tag: %v", err)
	}
	if err := c.Confirm(t.Context(), at.image("acme/tool"), "sha256:"+strings.Repeat("0a", 32)); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("unknown digest: %v", err)
	}
	if err := c.Confirm(t.Context(), at.image("acme/tool"), "../../secret"); !errors.Is(err, registry.ErrNotRegistry) {
		t.Errorf("no digest: %v", err)
	}
}

func TestClient_namesFaults(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0a", 32)
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
		want   error
		tries  int32
	}{
		{"limited for long", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "21600")
			w.WriteHeader(429)
		}, registry.ErrLimited, 1},
		{"a fault", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, registry.ErrUnavailable, 3},
		{"a login page", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>")
		}, registry.ErrNotRegistry, 1},
		{"cut short", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"tags": ["1.0`) }, io.ErrUnexpectedEOF, 1},
		{"a page that is its own next", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "<"+r.URL.String()+">; rel=\"next\"")
			_, _ = io.WriteString(w, `{"tags": ["1.0.0"]}`)
		}, nil, 1},
		{"a next page elsewhere", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "<https://registry.example.com/v2/acme/tool/tags/list>; rel=\"next\"")
			_, _ = io.WriteString(w, `{"tags": ["1.0.0"]}`)
		}, nil, 1},
		{"a token server without TLS", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="http://auth.example.com/token",service="x"`)
			w.WriteHeader(401)
		}, registry.ErrNotRegistry, 1},
		{"a token server at a metadata service", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="https://169.254.169.254/token"`)
			w.WriteHeader(401)
		}, nil, 1},
		{"a challenge without a realm", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer`)
			w.WriteHeader(401)
		}, registry.ErrNotRegistry, 1},
		{"another challenge", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Negotiate`)
			w.WriteHeader(401)
		}, registry.ErrUnauthorized, 1},
		{"a redirect to http", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://registry.example.com/", http.StatusTemporaryRedirect)
		}, nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tries atomic.Int32
			at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				tries.Add(1)
				c.answer(w, r)
			}))
			client := at.client(t, "", "")
			_, err := client.Tags(t.Context(), at.image("acme/tool"))
			if err == nil || c.want != nil && !errors.Is(err, c.want) || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "list tags of "+at.host+"/acme/tool: ") {
				t.Errorf("error = %v, want one line with %v", err, c.want)
			}
			if n := tries.Load(); n != c.tries {
				t.Errorf("%d requests, want %d", n, c.tries)
			}
			if err := client.Confirm(t.Context(), at.image("acme/tool"), digest); err == nil {
				t.Error("it took that for a manifest")
			}
		})
	}
}

// A registry must not be able to get the password of its user sent somewhere else.
func TestClient_showsItsPasswordToNobodyElse(t *testing.T) {
	var seen atomic.Int32
	var other *site
	other = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			seen.Add(1)
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="https://`+other.host+`/token"`)
		w.WriteHeader(401)
	}))
	for name, asks := range map[string]bool{"before it asks for a login": false, "after that": true} {
		at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asks && r.Header.Get("Authorization") == "" {
				w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
				w.WriteHeader(401)
				return
			}
			http.Redirect(w, r, "https://"+other.host+"/", http.StatusTemporaryRedirect)
		}))
		at.ca += other.ca
		if _, err := at.client(t, "robot", "hunter22").Tags(t.Context(), at.image("acme/tool")); !errors.Is(err, registry.ErrUnauthorized) {
			t.Errorf("sent on %s: error %v", name, err)
		}
		if seen.Load() != 0 {
			t.Errorf("sent on %s: the other server has seen the password", name)
		}
	}
}

func TestNew_refusesACertificateThatIsNone(t *testing.T) {
	if _, err := registry.New(registry.Config{Hosts: map[string]registry.Host{"ghcr.io": {CACert: "none"}}}); !errors.Is(err, retry.ErrCACert) || !strings.HasPrefix(err.Error(), "ghcr.io: ") {
		t.Errorf("error = %v", err)
	}
}
