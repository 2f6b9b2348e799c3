package command_test

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/registry"
)

// toolRegistry is a registry with an image that only its user sees.
func toolRegistry() *registry.Server {
	r := registry.New(registry.Options{Users: map[string]string{"robot": "planted-registry-password"}, Private: []string{"acme/tool"}, PageSize: 2})
	for _, tag := range []string{"1.0.0", "latest", "v1.1.0", "1.2.0-rc.1"} {
		r.Push("acme/tool", tag, tag)
	}
	return r
}

// images starts a registry, whose faults are s.Faults["registry"].
func (s *stage) images(t *testing.T, handler http.Handler) {
	t.Helper()
	config, err := authority(t).Config(tlsGood)
	if err != nil {
		t.Fatal(err)
	}
	s.URLs["registry"], s.Faults["registry"] = serveTLS(t, handler, config)
}

// serveTLS serves a handler that is none of the world's.
func serveTLS(t *testing.T, handler http.Handler, config *tls.Config) (url string, script *fault.Script) {
	t.Helper()
	script = &fault.Script{}
	web := httptest.NewUnstartedServer(script.Wrap(handler))
	web.TLS, web.Config.ErrorLog, web.Config.ConnState = config, log.New(io.Discard, "", 0), script.Watch
	web.StartTLS()
	t.Cleanup(web.Close)
	t.Cleanup(script.Close)
	return web.URL, script
}

// imageSource watches the image at a registry.
func imageSource(s *stage, url string) object {
	host := strings.TrimPrefix(url, "https://")
	source := s.ComponentsSource()
	source["watch"] = object{"tool": object{"image": host + "/acme/tool"}}
	source["registries"] = object{host: object{"username": "robot", "password": "planted-registry-password", "ca_cert": s.CA}}
	return source
}

// anImage is a request for the image, of a registry that is started for it.
func anImage(t *testing.T, s *stage) object {
	t.Helper()
	s.images(t, toolRegistry())
	return object{"source": imageSource(s, s.URLs["registry"])}
}

// An image is found by its tags, and from the check on it is the digest that counts.
func TestImage_isPinnedByItsDigest(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	r := toolRegistry()
	s.images(t, r)
	source := imageSource(s, s.URLs["registry"])
	repository := source["watch"].(object)["tool"].(object)["image"].(string)
	first := r.Push("acme/tool", "v1.1.0", "as it was pushed")
	list := answer[[]map[string]string](t, ask(t, "check", object{"source": source}, ""))
	if len(list) != 1 || list[0]["tool"] != "1.1.0@"+first {
		t.Fatalf("versions %v, want 1.1.0@%s", list, first)
	}
	r.Push("acme/tool", "1.1.0", "as it was pushed") // that nobody loses the manifest
	second := r.Push("acme/tool", "v1.1.0", "somebody has moved the tag")
	dir := t.TempDir()
	got := answer[result](t, ask(t, "in", object{"source": source, "version": list[0]}, dir))
	found := files(t, dir)
	if found["tool/image"] != repository+"@"+first || found["tool/digest"] != first || got.field("tool digest") != first {
		t.Errorf("result %+v, files %v", got, found)
	}
	p := ask(t, "check", object{"source": source, "version": list[0]}, "")
	list = answer[[]map[string]string](t, p)
	if len(list) != 2 || list[1]["tool"] != "1.1.0@"+second || !strings.Contains(p.stderr, "the tag of 1.1.0 names another image now") {
		t.Errorf("versions %v, stderr %s", list, p.stderr)
	}
}

func TestImage_namesTheRegistryThatRefuses(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.images(t, toolRegistry())
	host := strings.TrimPrefix(s.URLs["registry"], "https://")
	for name, c := range map[string]struct {
		change func(source object)
		want   []string
	}{
		"another password": {func(source object) {
			source["registries"].(object)[host].(object)["password"] = "planted-other-password"
		}, []string{"component tool: list tags of " + host + "/acme/tool: log in to " + host, "401", "refuses the username or password"}},
		"nobody": {func(source object) { source["registries"] = object{host: object{"ca_cert": s.CA}} },
			[]string{"repository acme/tool does not exist, or is private and needs a username and password"}},
		"no CA":    {func(source object) { delete(source, "registries") }, []string{"certificate", "ca_cert is not set"}},
		"no PEM":   {func(source object) { source["registries"].(object)[host] = object{"ca_cert": "none"} }, []string{"source.registries." + host, "ca_cert", "PEM"}},
		"no image": {func(source object) { source["watch"] = object{"tool": object{"image": host + "/acme/none"}} }, []string{"404", "NAME_UNKNOWN"}},
	} {
		t.Run(name, func(t *testing.T) {
			source := imageSource(s, s.URLs["registry"])
			c.change(source)
			p := ask(t, "check", object{"source": source}, "")
			refused(t, p, c.want...)
			hides(t, p, "planted-registry-password", "planted-other-password")
		})
	}
}
