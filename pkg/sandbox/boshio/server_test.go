package boshio_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/boshio"
)

const (
	concourse = "github.com/concourse/concourse-bosh-release"
	jammy     = "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"
)

// entry is an element of either list.
type entry struct {
	Name, Version, URL, SHA1, SHA256 string
	Light, Regular                   *struct {
		URL, SHA1, SHA256 string
		Size              int
	}
}

func start(t *testing.T, o boshio.Options) (*boshio.Server, string) {
	s := boshio.New(o)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

// get gives the body and the response; its URL is the last one.
func get(t *testing.T, url string) ([]byte, *http.Response) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body, res
}

func list(t *testing.T, url string) []entry {
	t.Helper()
	body, res := get(t, url)
	var entries []entry
	if err := json.Unmarshal(body, &entries); err != nil || res.StatusCode != 200 {
		t.Fatalf("%s: status %d, error %v in %.80s", url, res.StatusCode, err, body)
	}
	return entries
}

func versions(entries []entry) string {
	var out []string
	for _, e := range entries {
		out = append(out, e.Version)
	}
	return strings.Join(out, " ")
}

func TestServer_listsInTheOrderThatIsSet(t *testing.T) {
	s, url := start(t, boshio.Options{})
	for _, v := range []string{"7.3.2", "7.10.0", "7.3.10", "6.0"} {
		s.AddRelease(boshio.Release{Repository: concourse, Version: v})
	}
	for order, want := range map[boshio.Order]string{
		boshio.NewestFirst: "7.10.0 7.3.10 7.3.2 6.0",
		boshio.OldestFirst: "6.0 7.3.2 7.3.10 7.10.0",
		boshio.Scattered:   "7.3.10 6.0 7.10.0 7.3.2",
	} {
		s.SetOrder(order)
		if got := versions(list(t, url+"/api/v1/releases/"+concourse)); got != want {
			t.Errorf("order %d: %s, want %s", order, got, want)
		}
	}
	s.Withdraw(concourse, "7.10.0")
	s.SetOrder(boshio.NewestFirst)
	s.AddRelease(boshio.Release{Repository: concourse, Version: "8.0.0"})
	if got := versions(list(t, url+"/api/v1/releases/"+concourse)); got != "8.0.0 7.3.10 7.3.2 6.0" {
		t.Errorf("after changes: %s", got)
	}
}

func TestServer_answersForUnknownNamesAsRecorded(t *testing.T) {
	_, url := start(t, boshio.Options{})
	for path, want := range map[string]string{
		"/api/v1/releases/github.com/no/such": "null",
		"/api/v1/stemcells/no-such":           "[]",
		"/api/v1/stemcells/no-such?all=1":     "[]",
	} {
		body, res := get(t, url+path)
		if string(body) != want || res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
			t.Errorf("%s: status %d, %s, body %q", path, res.StatusCode, res.Header.Get("Content-Type"), body)
		}
	}
	if _, res := get(t, url+"/d/github.com/no/such?v=1"); res.StatusCode != 404 {
		t.Errorf("a file that is not there: status %d", res.StatusCode)
	}
}

func TestServer_servesReleasesThatAreWhatIsListed(t *testing.T) {
	s, url := start(t, boshio.Options{})
	s.AddRelease(boshio.Release{Repository: concourse, Version: "8.2.5", Padding: 5000})
	s.AddRelease(boshio.Release{Repository: concourse, Version: "1.0", SHA1Only: true, Jobs: []string{}})
	entries := list(t, url+"/api/v1/releases/"+concourse)
	if e := entries[0]; e.URL != url+"/d/"+concourse+"?v=8.2.5" || e.Name != concourse {
		t.Errorf("entry %+v", e)
	}
	body, res := get(t, entries[0].URL)
	if fmt.Sprintf("%x", sha1.Sum(body)) != entries[0].SHA1 || fmt.Sprintf("%x", sha256.Sum256(body)) != entries[0].SHA256 || len(body) < 5000 {
		t.Errorf("%d bytes from %s with other digests than %+v", len(body), res.Request.URL, entries[0])
	}
	if res.Header.Get("ETag") == "" || res.Header.Get("Last-Modified") == "" {
		t.Errorf("header %v", res.Header)
	}
	var manifest struct {
		Name, Version string
		Jobs          []struct{ Name, SHA1 string }
	}
	files := unpack(t, body)
	if err := yaml.Unmarshal(files["release.MF"], &manifest); err != nil {
		t.Fatal(err)
	}
	if manifest.Name != "concourse" || manifest.Version != "8.2.5" || len(manifest.Jobs) != 2 || manifest.Jobs[0].Name != "web" {
		t.Errorf("release.MF %+v", manifest)
	}
	if got := fmt.Sprintf("%x", sha1.Sum(files["jobs/web.tgz"])); got != manifest.Jobs[0].SHA1 {
		t.Errorf("job web has sha1 %s, the manifest says %s", got, manifest.Jobs[0].SHA1)
	}
	if entries[1].SHA256 != "" || entries[1].SHA1 == "" {
		t.Errorf("an old entry: %+v", entries[1])
	}
}

func TestServer_servesStemcellsThatAreWhatIsListed(t *testing.T) {
	s, url := start(t, boshio.Options{})
	s.AddStemcell(boshio.Stemcell{Name: jammy, Version: "1.484"})
	s.AddStemcell(boshio.Stemcell{Name: jammy, Version: "1.485", Regular: true, Padding: 3000})
	s.AddStemcell(boshio.Stemcell{Name: jammy, Version: "1.90", Light: true, WrongSHA1: strings.Repeat("0", 40)})
	entries := list(t, url+"/api/v1/stemcells/"+jammy+"?all=1")
	if versions(entries) != "1.485 1.484 1.90" || entries[0].Light != nil || entries[2].Regular != nil {
		t.Fatalf("entries %+v", entries)
	}
	both := entries[1]
	light, _ := get(t, both.Light.URL)
	regular, _ := get(t, both.Regular.URL)
	if fmt.Sprintf("%x", sha256.Sum256(light)) != both.Light.SHA256 || fmt.Sprintf("%x", sha1.Sum(regular)) != both.Regular.SHA1 ||
		len(light) != both.Light.Size || len(regular) != both.Regular.Size || both.Light.SHA1 == both.Regular.SHA1 {
		t.Errorf("%d and %d bytes for %+v, %+v", len(light), len(regular), both.Light, both.Regular)
	}
	for kind, body := range map[string][]byte{"light": light, "raw": regular} {
		var manifest struct {
			Name, Version   string
			OperatingSystem string   `yaml:"operating_system"`
			StemcellFormats []string `yaml:"stemcell_formats"`
		}
		if err := yaml.Unmarshal(unpack(t, body)["stemcell.MF"], &manifest); err != nil {
			t.Fatal(err)
		}
		if manifest.Name != jammy || manifest.Version != "1.484" || manifest.OperatingSystem != "ubuntu-jammy" || manifest.StemcellFormats[0] != "aws-"+kind {
			t.Errorf("%s: stemcell.MF %+v", kind, manifest)
		}
	}
	if old, _ := get(t, entries[2].Light.URL); entries[2].Light.SHA1 == fmt.Sprintf("%x", sha1.Sum(old)) {
		t.Error("the wrong digest that was asked for is not listed")
	}
	newest, _ := get(t, url+"/d/stemcells/"+jammy)
	if len(newest) != entries[0].Regular.Size {
		t.Errorf("the newest file has %d bytes, want %d", len(newest), entries[0].Regular.Size)
	}
}

func TestServer_givesPartsOfFiles(t *testing.T) {
	s, url := start(t, boshio.Options{FilesURL: ""})
	s.AddRelease(boshio.Release{Repository: concourse, Version: "1", Published: time.Unix(1e9, 0)})
	whole, res := get(t, url+"/d/"+concourse+"?v=1")
	if got := res.Header.Get("Last-Modified"); got != "Sun, 09 Sep 2001 01:46:40 GMT" {
		t.Errorf("Last-Modified %q", got)
	}
	req, _ := http.NewRequest(http.MethodGet, url+"/d/"+concourse+"?v=1", nil)
	req.Header.Set("Range", "bytes=100-")
	req.Header.Set("If-Range", res.Header.Get("ETag"))
	part, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer part.Body.Close()
	if rest, _ := io.ReadAll(part.Body); part.StatusCode != 206 || !bytes.Equal(rest, whole[100:]) {
		t.Errorf("status %d, %d bytes of %d", part.StatusCode, len(rest), len(whole))
	}
}

func TestServer_listsOddElementsAsTheyAre(t *testing.T) {
	s, url := start(t, boshio.Options{})
	s.AddOdd(jammy, json.RawMessage(`{"version":7}`), json.RawMessage(`"text"`))
	if body, _ := get(t, url+"/api/v1/stemcells/"+jammy); string(body) != `[{"version":7},"text"]` {
		t.Errorf("body %s", body)
	}
}

// The simulator lists what the real one listed, with the same keys.
func TestServer_listsWhatWasRecorded(t *testing.T) {
	t.Run("embedded", func(t *testing.T) { listsRecorded(t, boshio.Data()) })
	t.Run("whole", func(t *testing.T) {
		folder := os.DirFS("../../../../shared/data/bosh.io")
		if _, err := fs.Stat(folder, "releases"); err != nil {
			t.Skip("the recorded lists of bosh.io are absent")
		}
		listsRecorded(t, folder)
	})
}

func listsRecorded(t *testing.T, folder fs.FS) {
	s, url := start(t, boshio.Options{})
	if err := s.Load(folder); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"releases/*.json", "stemcells/*.json"} {
		names, err := fs.Glob(folder, pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %d files, error %v", pattern, len(names), err)
		}
		for _, name := range names {
			kind, file := path.Split(name)
			base := strings.TrimSuffix(file, ".json")
			address := "/api/v1/" + kind + strings.ReplaceAll(base, "_", "/")
			if kind == "stemcells/" {
				address = "/api/v1/stemcells/" + base
				if short, all := strings.CutSuffix(base, ".all"); all {
					address = "/api/v1/stemcells/" + short + "?all=1"
				}
			}
			recorded, err := fs.ReadFile(folder, name)
			if err != nil {
				t.Fatal(err)
			}
			ours, _ := get(t, url+address)
			if a, b := shape(t, recorded), shape(t, ours); !slices.Equal(a, b) {
				t.Errorf("%s: recorded %d entries %.3q, listed %d %.3q", address, len(a), a, len(b), b)
			}
		}
	}
}

// shape is the version and keys of each element.
func shape(t *testing.T, body []byte) []string {
	t.Helper()
	var elements []map[string]any
	if err := json.Unmarshal(body, &elements); err != nil {
		t.Fatalf("%v in %.80s", err, body)
	}
	var out []string
	for _, e := range elements {
		var keys []string
		for key, value := range e {
			keys = append(keys, key)
			if inner, ok := value.(map[string]any); ok {
				for k := range inner {
					keys = append(keys, key+"."+k)
				}
			}
		}
		slices.Sort(keys)
		out = append(out, fmt.Sprint(e["version"], keys))
	}
	return out
}

func unpack(t *testing.T, body []byte) map[string][]byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[path.Clean(header.Name)], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}
