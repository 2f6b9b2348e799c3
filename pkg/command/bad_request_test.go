package command_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// forms are the shapes in which a secret could turn up.
func forms(secrets []string) []string {
	var list []string
	for _, s := range secrets {
		quoted, _ := json.Marshal(s)
		list = append(list, s, strings.Trim(string(quoted), `"`), strings.Trim(strconv.Quote(s), `"`),
			url.QueryEscape(s), url.PathEscape(s), hex.EncodeToString([]byte(s)),
			base64.StdEncoding.EncodeToString([]byte(world.DirectorClient+":"+s)))
		for pad, start := range []int{0, 2, 3} { // in base64, what stands before moves it
			coded := base64.RawStdEncoding.EncodeToString(append(make([]byte, pad), s...))
			list = append(list, coded[start:len(coded)-1])
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// badText is stdin that is not a request, for any of check, in and out.
var badText = map[string]struct {
	stdin func() io.Reader
	want  string
}{
	"malformed":        {text(`{"source": {`), "cut short"},
	"not JSON":         {text("source: {}\n"), "parse the request"},
	"empty":            {text(""), "stdin is empty"},
	"only white space": {text(" \n\t "), "stdin is empty"},
	"null":             {text("null"), "want a JSON object, got null"},
	"a list":           {text("[]"), "want a JSON object, got a list"},
	"two values":       {text(`{"source":{}} {"source":{}}`), "data after the JSON object"},
	"100 MB":           {huge, "larger than 1048576 bytes"},
	"deeply nested":    {text(`{"source":` + strings.Repeat("[", 100_000)), "parse the request"},
	"deep as decoders go": {
		text(`{"source":{"watch":` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + `}}`), "source.watch: want an object, got a list",
	},
	"not UTF-8 and a NUL":          {text("{\"source\": {\"\x00\xff\": 1}}"), "parse the request"},
	"unknown key":                  {text(`{"source": {"deployment": "concourse", "direktor": {}}}`), `source.direktor: unknown key; did you mean "director"?`},
	"unknown key at the top":       {text(`{"sources": {"deployment": "concourse"}}`), `sources: unknown key; did you mean "source"?`},
	"wrong type":                   {text(`{"source": {"deployment": ["concourse"]}}`), "source.deployment: want a string, got a list"},
	"neither watch nor deployment": {text(`{"source": {}}`), "neither watch (components) nor deployment"},
	"no source":                    {text(`{}`), "neither watch (components) nor deployment"},
}

func text(s string) func() io.Reader { return func() io.Reader { return strings.NewReader(s) } }

// huge is 100 MB of a JSON string that never ends.
func huge() io.Reader {
	return io.MultiReader(strings.NewReader(`{"source": {"deployment": "`), io.LimitReader(letters{}, 100<<20))
}

type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestBadText_isRefusedInOneLine(t *testing.T) {
	t.Parallel()
	for name, c := range badText {
		for _, verb := range []string{"check", "in", "out"} {
			t.Run(name+" "+verb, func(t *testing.T) {
				t.Parallel()
				dir := filepath.Join(t.TempDir(), "dir")
				// The runtime itself wants 120 MB to be set aside; 100 MB of input do not fit beside.
				i := invocation{args: []string{verb, dir}, stdin: c.stdin(), memory: 160_000}
				if verb == "check" {
					i.args = i.args[:1]
				}
				p := i.run(t)
				refused(t, p, c.want)
				if found := files(t, dir); len(found) != 0 {
					t.Errorf("it left %v", found)
				}
			})
		}
	}
}

// badRequest is a request whose source or params cannot work.
type badRequest struct {
	verbs  string // those that refuse it
	change func(s *stage) (source, params object)
	want   []string
}

// watch is a source of one component.
func watch(keys object) func(*stage) (object, object) {
	return func(s *stage) (object, object) {
		source := s.ComponentsSource()
		source["watch"] = object{"concourse": keys}
		return source, nil
	}
}

// with is a good source, of components or of a deployment, with changed keys.
func with(kind func(*stage) object, section string, keys object) func(*stage) (object, object) {
	return func(s *stage) (object, object) {
		source := kind(s)
		if section == "" {
			maps.Copy(source, keys)
			return source, nil
		}
		changed := object{}
		if have, ok := source[section].(object); ok {
			maps.Copy(changed, have)
		}
		maps.Copy(changed, keys)
		source[section] = changed
		return source, nil
	}
}

func components(s *stage) object { return s.ComponentsSource() }
func deployment(s *stage) object { return s.DeploymentSource() }

// params is a good source of a deployment with params.
func params(p object) func(*stage) (object, object) {
	return func(s *stage) (object, object) { return s.DeploymentSource(), p }
}

const all = "check in out"

var badRequests = map[string]badRequest{
	"both watch and deployment": {all, with(components, "", object{"deployment": "concourse"}), []string{"both watch and deployment"}},
	"unknown component kind":    {"check in", watch(object{"docker": "concourse/concourse"}), []string{"source.watch.concourse.docker", "unknown key"}},
	"no component kind":         {"check in", watch(object{"version": "8.x"}), []string{"source.watch.concourse", "unknown component kind", "release, stemcell, github"}},
	"two component kinds":       {"check in", watch(object{"release": world.ConcourseRepository, "github": "a/b"}), []string{"source.watch.concourse", "only one of"}},
	"an image by a tag":         {"check in", watch(object{"image": "ghcr.io/acme/tool:1.0.0"}), []string{"source.watch.concourse", "image", "without a tag or digest"}},
	"invalid constraint":        {"check in", watch(object{"release": world.ConcourseRepository, "version": ">>8"}), []string{"source.watch.concourse", "version", `">>8"`}},
	"constraint as a number":    {"check in", watch(object{"release": world.ConcourseRepository, "version": 8.1}), []string{"source.watch.concourse.version", "want a string", "8.1", "quotes"}},
	"invalid duration":          {"check in", watch(object{"release": world.ConcourseRepository, "min_age": "3 days"}), []string{"source.watch.concourse.min_age", "3 days"}},
	"invalid tag_filter":        {"check in", watch(object{"github": "a/b", "tag_filter": "("}), []string{"source.watch.concourse", "tag_filter"}},
	"invalid glob":              {"check in", watch(object{"github": "a/b", "assets": []string{"["}}), []string{"source.watch.concourse", "assets"}},
	"put of components":         {"out", with(components, "", nil), []string{"components can only be fetched"}},

	"github.url without scheme":    {"check in", with(components, "github", object{"url": "ghe.example.com/api/v3"}), []string{"source.github.url", "https://"}},
	"bosh_io.url without scheme":   {"check in", with(components, "bosh_io", object{"url": "mirror.example.com"}), []string{"source.bosh_io.url", "https://"}},
	"director.url without scheme":  {all, with(deployment, "director", object{"url": "10.0.0.6:25555"}), []string{"source.director.url", "https://"}},
	"concourse.url without scheme": {all, with(deployment, "concourse", object{"url": "ci.example.com"}), []string{"source.concourse.url", "https://"}},
	"director.url missing":         {all, with(deployment, "director", object{"url": ""}), []string{"source.director.url", "missing"}},

	"github.ca_cert is not PEM":    {"check in", with(components, "github", object{"ca_cert": "no certificate"}), []string{"source.github", "ca_cert", "PEM"}},
	"bosh_io.ca_cert is not PEM":   {"check in", with(components, "bosh_io", object{"ca_cert": "no certificate"}), []string{"source.bosh_io", "ca_cert", "PEM"}},
	"director.ca_cert is not PEM":  {all, with(deployment, "director", object{"ca_cert": "no certificate"}), []string{"source.director", "ca_cert", "PEM"}},
	"concourse.ca_cert is not PEM": {"in out", with(deployment, "concourse", object{"ca_cert": "no certificate"}), []string{"source.concourse", "ca_cert", "PEM"}},

	"two logins at the director": {all, with(deployment, "director", object{"username": "admin"}), []string{"source.director", "client and username"}},
	"no login at the director":   {all, with(deployment, "director", object{"client": "", "client_secret": ""}), []string{"source.director", "no credentials"}},
	"no login at the ATC":        {all, with(deployment, "concourse", object{"password": ""}), []string{"source.concourse", "password"}},
	"proxy of unknown scheme":    {all, with(deployment, "director", object{"proxy": "ftp://127.0.0.1:1"}), []string{"source.director", "proxy"}},
	"SSH proxy without host key": {all, with(deployment, "director", object{"proxy": "ssh+socks5://jumpbox@127.0.0.1:1", "proxy_private_key": "x"}), []string{"source.director", "proxy_host_key is missing", "ssh-keyscan -p 1 127.0.0.1"}},

	"unknown param":                {"in out", params(object{"component": "x"}), []string{"params.component", "unknown key"}},
	"param of wrong type":          {"out", params(object{"ops_files": "a.yml"}), []string{"params.ops_files", "want a list, got a string"}},
	"canaries that are none":       {"out", params(object{"canaries": "some"}), []string{"params.canaries", "some"}},
	"download of a deployment":     {"in", params(object{"download": "all"}), []string{"download is for components"}},
	"timeout that is none":         {"in out", params(object{"timeout": "soon"}), []string{"params.timeout", "soon"}},
	"verify that is not a boolean": {"in", params(object{"verify": "yes"}), []string{"params.verify", "true or false"}},
}

func TestBadRequest_isRefusedBeforeAnyServerIsAsked(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for name, c := range badRequests {
		for _, verb := range strings.Fields(c.verbs) {
			t.Run(name+" "+verb, func(t *testing.T) {
				source, params := c.change(s)
				request := object{"source": source}
				dir := ""
				if verb != "check" {
					dir = filepath.Join(t.TempDir(), "dir")
					request["params"] = params
				}
				if verb == "in" {
					request["version"] = object{"task": "1"}
				}
				if params == nil {
					delete(request, "params")
				}
				p := ask(t, verb, request, dir)
				refused(t, p, c.want...)
				hides(t, p, credentials()...)
				if found := files(t, dir); len(found) != 0 && dir != "" {
					t.Errorf("it left %v", found)
				}
			})
		}
	}
	for server := range s.Faults {
		if n := s.requests(server); n != 0 {
			t.Errorf("%s was asked %d times: %v", server, n, s.asked(server))
		}
	}
}

// Credentials at places where an error message would repeat what is there.
func TestBadRequest_doesNotRepeatCredentials(t *testing.T) {
	t.Parallel()
	const canary = "31415926535"
	s := newStage(t)
	for name, c := range map[string]badRequest{
		"a number for director.client_secret": {all, with(deployment, "director", object{"client_secret": 31415926535}), []string{"source.director.client_secret", "want a string"}},
		"a number for concourse.password":     {all, with(deployment, "concourse", object{"password": 31415926535}), []string{"source.concourse.password", "want a string"}},
		"a number for github.token":           {"check in", with(components, "github", object{"token": 31415926535}), []string{"source.github.token", "want a string"}},
		"director.url with credentials":       {all, with(deployment, "director", object{"url": "https://admin:" + canary + "@10.0.0.6"}), []string{"source.director.url", "credentials"}},
		"such a url without scheme":           {all, with(deployment, "director", object{"url": "admin:" + canary + "@10.0.0.6:25555"}), []string{"source.director.url"}},
		"such a url with another scheme":      {all, with(deployment, "director", object{"url": "ssh://admin:" + canary + "@10.0.0.6:25555"}), []string{"source.director.url"}},
		"concourse.url without scheme":        {all, with(deployment, "concourse", object{"url": "ci:" + canary + "@ci.example.com"}), []string{"source.concourse.url"}},
		"github.url without scheme":           {"check in", with(components, "github", object{"url": "x:" + canary + "@github.com"}), []string{"source.github.url"}},
		"bosh_io.url that is not a URL":       {"check in", with(components, "bosh_io", object{"url": "https://x:" + canary + "%zz@bosh.io"}), []string{"source.bosh_io.url"}},
		"a proxy with credentials":            {all, with(deployment, "director", object{"proxy": "ftp://x:" + canary + "@10.0.0.5"}), []string{"source.director", "proxy"}},
		"a proxy without scheme":              {all, with(deployment, "director", object{"proxy": "x:" + canary + "@10.0.0.5"}), []string{"source.director", "proxy"}},
		"a private key for ca_cert":           {all, with(deployment, "director", object{"ca_cert": "-----BEGIN PRIVATE KEY-----\n" + canary + "\n-----END PRIVATE KEY-----\n"}), []string{"source.director", "ca_cert"}},
	} {
		for _, verb := range strings.Fields(c.verbs) {
			t.Run(fmt.Sprintf("%s %s", name, verb), func(t *testing.T) {
				source, _ := c.change(s)
				request := object{"source": source}
				dir := ""
				if verb != "check" {
					dir = t.TempDir()
				}
				if verb == "in" {
					request["version"] = object{"task": "1"}
				}
				p := ask(t, verb, request, dir)
				refused(t, p, c.want...)
				hides(t, p, append(credentials(), canary)...)
			})
		}
	}
}
