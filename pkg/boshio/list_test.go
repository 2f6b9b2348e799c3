package boshio_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
)

// serve answers every request with one body, and tells what was asked last.
func serve(t testing.TB, kind, body string) (c *boshio.Client, asked *string, said *[]string) {
	asked, said = new(string), new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = r.URL.RequestURI()
		w.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return client(t, boshio.Config{URL: server.URL, Notify: func(line string) { *said = append(*said, line) }}), asked, said
}

const kind = "application/json; charset=UTF-8"

func TestReleases_readsWhatBoshIOAnswered(t *testing.T) {
	body, err := os.ReadFile("testdata/releases.json")
	if err != nil {
		t.Fatal(err)
	}
	c, asked, said := serve(t, kind, string(body))
	list, err := c.Releases(t.Context(), repository)
	if err != nil || len(list) != 3 || len(*said) != 0 || *asked != "/api/v1/releases/"+repository {
		t.Fatalf("%d releases, error %v, said %q, asked %s", len(list), err, *said, *asked)
	}
	want := boshio.Tarball{
		Version: "7.3.2", URL: "https://bosh.io/d/" + repository + "?v=7.3.2",
		SHA1: "e464cb907d7436a43f712b71d6dbde0fdce4be6d", Network: dial.Loopback,
	}
	if diff := cmp.Diff(want, list[0]); diff != "" {
		t.Errorf("release (-want +got):\n%s", diff)
	}
}

func TestStemcells_readsWhatBoshIOAnswered(t *testing.T) {
	body, err := os.ReadFile("testdata/stemcells.json")
	if err != nil {
		t.Fatal(err)
	}
	const name = "bosh-aws-xen-hvm-ubuntu-bionic-go_agent"
	c, asked, said := serve(t, kind, string(body))
	list, err := c.Stemcells(t.Context(), name)
	if err != nil || len(list) != 3 || len(*said) != 0 || *asked != "/api/v1/stemcells/"+name+"?all=1" {
		t.Fatalf("%d stemcells, error %v, said %q, asked %s", len(list), err, *said, *asked)
	}
	want := boshio.Stemcell{Version: "1.13", Regular: &boshio.Tarball{
		URL:  "https://storage.googleapis.com/bosh-core-stemcells/1.13/bosh-stemcell-1.13-aws-xen-hvm-ubuntu-bionic-go_agent.tgz",
		Size: 615361591, SHA1: "b13608680dd5c439d6acb058dd45fb6ad695296c", Network: dial.Loopback,
	}}
	if diff := cmp.Diff(want, list[0]); diff != "" {
		t.Errorf("stemcell (-want +got):\n%s", diff)
	}
}

// No entry of the real lists is passed over.
func TestClient_readsAllRecordedLists(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/data/bosh.io/*/*.json")
	if len(files) == 0 {
		t.Skip("the recorded lists of bosh.io are absent")
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var whole []json.RawMessage
		if err := json.Unmarshal(body, &whole); err != nil {
			t.Fatal(err)
		}
		c, _, said := serve(t, kind, string(body))
		releases, releaseErr := c.Releases(t.Context(), repository)
		stemcells, stemcellErr := c.Stemcells(t.Context(), jammy)
		got, err := len(releases), releaseErr
		if strings.Contains(file, "/stemcells/") {
			got, err = len(stemcells), stemcellErr
			*said = nil // a stemcell is not a release: those entries were passed over
		}
		if strings.Contains(file, "/releases/") && stemcellErr == nil {
			t.Errorf("%s was read as stemcells", file)
		}
		if err != nil || got != len(whole) {
			t.Errorf("%s: %d of %d entries, error %v, said %.3q", file, got, len(whole), err, *said)
		}
	}
}

func TestStemcells_keepsLightAndRegularApart(t *testing.T) {
	w := start(t, nil, tlsca.Options{})
	list, err := client(t, boshio.Config{URL: w.url}).Stemcells(t.Context(), jammy)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, error %v", list, err)
	}
	light, regular := list[0].Light, list[0].Regular
	if light == nil || regular == nil || light.SHA256 == regular.SHA256 || light.SHA1 == regular.SHA1 ||
		!strings.Contains(light.URL, "/light-") || strings.Contains(regular.URL, "/light-") || light.Size == 0 {
		t.Errorf("light %+v, regular %+v", light, regular)
	}
}

func TestClient_passesOverBadEntries(t *testing.T) {
	const good = `{"name":"n","version":"1.2","url":"https://example.com/f","sha1":"","regular":{"url":"https://example.com/f","size":1}}`
	cases := map[string]string{
		"text":              `"text"`,
		"null":              `null`,
		"a number":          `7`,
		"no version":        `{"url":"https://example.com/f","regular":{"url":"https://example.com/f"}}`,
		"a numeric one":     `{"version":7,"url":"https://example.com/f"}`,
		"no file":           `{"version":"1.3"}`,
		"a file elsewhere":  `{"version":"1.3","url":"file:///etc/passwd","regular":{"url":"ftp://example.com"}}`,
		"a file on no host": `{"version":"1.3","url":"https:opaque","regular":{"url":"https:opaque"}}`,
		"a file nowhere":    `{"version":"1.3","url":"https://a b/%zz","regular":{"url":"%zz","size":3}}`,
	}
	for name, bad := range cases {
		t.Run(name, func(t *testing.T) {
			c, _, said := serve(t, kind, "["+bad+","+good+"]")
			releases, err := c.Releases(t.Context(), repository)
			if err != nil || len(releases) != 1 || releases[0].Version != "1.2" || len(*said) != 1 {
				t.Errorf("releases %v, error %v, said %q", releases, err, *said)
			}
			stemcells, err := c.Stemcells(t.Context(), jammy)
			if err != nil || len(stemcells) != 1 || stemcells[0].Version != "1.2" || len(*said) != 2 {
				t.Errorf("stemcells %v, error %v, said %q", stemcells, err, *said)
			}
			c, _, _ = serve(t, kind, "["+bad+"]")
			if list, err := c.Releases(t.Context(), repository); err == nil || !strings.Contains(err.Error(), "none of its 1 entries is usable") {
				t.Errorf("alone: %v, error %v", list, err)
			}
		})
	}
}

func TestClient_refusesBodiesThatAreNoList(t *testing.T) {
	cases := []struct {
		name, kind, body, want string
		is                     error
	}{
		{"unknown release", kind, "null", "knows no such name", boshio.ErrNotFound},
		{"unknown stemcell", kind, "[]", "knows no such name", boshio.ErrNotFound},
		{"HTML", "text/html", "<!DOCTYPE html>\n<p>Sign in</p>", "answered 200 but not with JSON", boshio.ErrNotJSON},
		{"HTML said to be JSON", kind, "<html>", "answered 200 but not with JSON", boshio.ErrNotJSON},
		{"nothing", kind, "", "answered 200 but not with JSON", boshio.ErrNotJSON},
		{"cut", kind, `[{"version":"1"},{"ver`, "cut short", io.ErrUnexpectedEOF},
		{"an object", kind, `{"error":"x"}`, "not a list", nil},
		{"text", kind, `"x"`, "not a list", nil},
		{"garbage", kind, "[\x00\xff}", "decode the answer", boshio.ErrNotJSON},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bosh, _, _ := serve(t, c.kind, c.body)
			releases, err := bosh.Releases(t.Context(), repository)
			if releases != nil || err == nil || !strings.Contains(err.Error(), c.want) || (c.is != nil && !errors.Is(err, c.is)) {
				t.Errorf("releases %v, error %v, want %q", releases, err, c.want)
			}
			checkError(t, err)
			stemcells, err := bosh.Stemcells(t.Context(), jammy)
			if stemcells != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("stemcells %v, error %v, want %q", stemcells, err, c.want)
			}
			checkError(t, err)
		})
	}
}

func TestClient_keepsOnlyDigestsThatAreSome(t *testing.T) {
	one, two := strings.Repeat("aB", 20), strings.Repeat("cD", 32)
	cases := []struct{ name, listed, sha1, sha256 string }{
		{"both", `"sha1":"` + one + `","sha256":"` + two + `"`, strings.ToLower(one), strings.ToLower(two)},
		{"a SHA-256 in the other's place", `"sha1":"sha256:` + two + `"`, "", strings.ToLower(two)},
		{"too short", `"sha1":"abcd","sha256":"` + one + `"`, "", ""},
		{"no hex", `"sha1":"` + strings.Repeat("zz", 20) + `"`, "", ""},
		{"absent", `"x":1`, "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bosh, _, _ := serve(t, kind, `[{"version":"1","url":"/files/f.tgz",`+c.listed+`}]`)
			list, err := bosh.Releases(t.Context(), repository)
			if err != nil || list[0].SHA1 != c.sha1 || list[0].SHA256 != c.sha256 {
				t.Errorf("%+v, error %v", list, err)
			}
			if err == nil && (!strings.HasPrefix(list[0].URL, "http://127.0.0.1") || !strings.HasSuffix(list[0].URL, "/files/f.tgz")) {
				t.Errorf("a mirror's own path became %s", list[0].URL)
			}
		})
	}
}

func TestClient_asksForNothingOdd(t *testing.T) {
	c, asked, _ := serve(t, kind, "[]")
	for _, odd := range []string{"", "concourse/concourse", "github.com/a/b/c", "github.com/../../x", "github.com//b", "github.com/a/b?x", "github.com/a/b\n"} {
		if _, err := c.Releases(t.Context(), odd); err == nil || *asked != "" {
			t.Errorf("release %q: error %v, asked %q", odd, err, *asked)
		}
	}
	for _, odd := range []string{"", "a/b", "..", "a?x=1", "a b", "../releases/x"} {
		if _, err := c.Stemcells(t.Context(), odd); err == nil || *asked != "" {
			t.Errorf("stemcell %q: error %v, asked %q", odd, err, *asked)
		}
	}
}

func FuzzLists(f *testing.F) {
	for _, seed := range []string{
		`[{"name":"n","version":"1","url":"https://example.com/f","sha1":"aa"}]`,
		`[{"version":"1","light":{"url":"https://example.com/f","size":1},"regular":null}]`,
		`null`, `[]`, `[null]`, `[{"version":"1","url":"//x"}]`, `{"a":[`, "[\x00", `[{"version":"1","regular":{"url":"/x","size":-1}}]`,
	} {
		f.Add(seed)
	}
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	f.Cleanup(server.Close)
	c := client(f, boshio.Config{URL: server.URL})
	f.Fuzz(func(t *testing.T, text string) {
		body = text
		releases, err := c.Releases(t.Context(), repository)
		checkError(t, err)
		if (err == nil) != (len(releases) > 0) {
			t.Errorf("%d releases, error %v", len(releases), err)
		}
		for _, r := range releases {
			if r.Version == "" || !strings.HasPrefix(r.URL, "http") {
				t.Errorf("release %+v", r)
			}
		}
		stemcells, err := c.Stemcells(t.Context(), jammy)
		checkError(t, err)
		if (err == nil) != (len(stemcells) > 0) {
			t.Errorf("%d stemcells, error %v", len(stemcells), err)
		}
		for _, s := range stemcells {
			if s.Version == "" || (s.Light == nil && s.Regular == nil) {
				t.Errorf("stemcell %+v", s)
			}
		}
	})
}
