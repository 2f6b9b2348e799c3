package client_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
)

func TestUploadURL_letsTheDirectorFetchAndVerify(t *testing.T) {
	const url = "https://bosh.io/d/stemcells/s?v=1.484&x=<y>"
	cases := map[string]struct {
		upload     bosh.Upload
		uri, sends string
	}{
		"sha1":        {bosh.Upload{URL: url, SHA1: "abc"}, "", `{"location":"https://bosh.io/d/stemcells/s?v=1.484\u0026x=\u003cy\u003e","sha1":"abc"}`},
		"sha256":      {bosh.Upload{URL: "https://b", SHA1: "abc", SHA256: "def"}, "", `{"location":"https://b","sha1":"sha256:def"}`},
		"no digest":   {bosh.Upload{URL: "https://b"}, "", `{"location":"https://b"}`},
		"fix":         {bosh.Upload{URL: "https://b", Fix: true}, "?fix=true", `{"location":"https://b"}`},
		"its context": {bosh.Upload{URL: "https://b", ContextID: "ctx-7"}, "", `{"location":"https://b"}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			client, director := connect(t, map[string]http.HandlerFunc{"POST /stemcells": started(6), "POST /releases": started(7)})
			stemcell, err := client.UploadStemcellURL(t.Context(), c.upload)
			release, err2 := client.UploadReleaseURL(t.Context(), c.upload)
			if stemcell != 6 || release != 7 || err != nil || err2 != nil {
				t.Fatalf("tasks %d and %d, errors %v and %v", stemcell, release, err, err2)
			}
			for i, path := range []string{"/stemcells", "/releases"} {
				got := director.seen()[i+1]
				if got.uri != path+c.uri || got.body != c.sends || got.header.Get("Content-Type") != "application/json" ||
					got.header.Get("X-Bosh-Context-Id") != c.upload.ContextID {
					t.Errorf("sent %s %s, header %v", got.uri, got.body, got.header)
				}
			}
		})
	}
	client, director := connect(t, nil)
	if _, err := client.UploadReleaseURL(t.Context(), bosh.Upload{Name: "bpm", Version: "1.4"}); err == nil || len(director.seen()) != 0 {
		t.Errorf("without a url: error %v", err)
	}
}

func TestUploadURL_isUncertainWhenItsReplyIsLost(t *testing.T) {
	client, director := connect(t, map[string]http.HandlerFunc{"POST /releases": drop})
	_, err := client.UploadReleaseURL(t.Context(), bosh.Upload{Name: "bpm", Version: "1.4", URL: "https://user:hush@b/r"})
	var uncertain *bosh.UncertainError
	if !errors.As(err, &uncertain) || director.count("POST") != 1 {
		t.Errorf("%d requests, error %v", director.count("POST"), err)
	}
	if strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "upload release bpm/1.4") {
		t.Errorf("error %v", err)
	}
}

func TestUploadFile_streamsTheFileOnce(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
	path := filepath.Join(t.TempDir(), "release.tgz")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	upload := map[string]func(*client.Client, context.Context, string, bosh.Upload) (int, error){
		"/releases": (*client.Client).UploadReleaseFile, "/stemcells": (*client.Client).UploadStemcellFile,
	}
	for target, upload := range upload {
		fix := false
		send := func(c *client.Client, ctx context.Context, path string) (int, error) {
			return upload(c, ctx, path, bosh.Upload{Fix: fix, ContextID: "ctx-7"})
		}
		t.Run(target, func(t *testing.T) {
			client, director := connect(t, map[string]http.HandlerFunc{"POST " + target: inTurn(started(8), drop)})
			id, err := send(client, t.Context(), path)
			got := director.seen()[1]
			if err != nil || id != 8 || got.body != content || got.uri != target {
				t.Errorf("task %d, error %v, %d bytes to %s", id, err, len(got.body), got.uri)
			}
			if got.header.Get("Content-Type") != "application/x-compressed" || got.header.Get("Content-Length") != "1048576" || got.header.Get("X-Bosh-Context-Id") != "ctx-7" {
				t.Errorf("header %v", got.header)
			}
			_, err = send(client, t.Context(), path)
			var uncertain *bosh.UncertainError
			if !errors.As(err, &uncertain) || director.count("POST") != 2 {
				t.Errorf("lost: %d requests, error %v", director.count("POST"), err)
			}
			empty := filepath.Join(t.TempDir(), "empty")
			_ = os.WriteFile(empty, nil, 0o600)
			for _, bad := range []string{empty, t.TempDir(), "/no/such/file"} {
				if _, err := send(client, t.Context(), bad); err == nil || errors.As(err, &uncertain) {
					t.Errorf("%s: error %v", bad, err)
				}
			}
			if director.count("POST") != 2 {
				t.Error("a file that cannot be read was sent")
			}
			fix = true
			_, _ = send(client, t.Context(), path)
			if seen := director.seen(); seen[len(seen)-1].uri != target+"?fix=true" {
				t.Errorf("with fix: sent to %s", seen[len(seen)-1].uri)
			}
		})
	}
}

func TestUploadRelease_sendsItsBytesOnce(t *testing.T) {
	client, director := connect(t, map[string]http.HandlerFunc{"POST /releases": inTurn(started(8), drop)})
	id, err := client.UploadRelease(t.Context(), "perpetual", []byte("tarball"), "ctx-7")
	got := director.seen()[1]
	if err != nil || id != 8 || got.body != "tarball" || got.uri != "/releases" ||
		got.header.Get("Content-Type") != "application/x-compressed" || got.header.Get("Content-Length") != "7" {
		t.Errorf("task %d, error %v, sent %+v", id, err, got)
	}
	_, err = client.UploadRelease(t.Context(), "perpetual", []byte("tarball"), "ctx-7")
	var uncertain *bosh.UncertainError
	if !errors.As(err, &uncertain) || director.count("POST") != 2 || !strings.Contains(err.Error(), "upload release perpetual") {
		t.Errorf("lost: %d requests, error %v", director.count("POST"), err)
	}
	if _, err := client.UploadRelease(t.Context(), "perpetual", nil, ""); err == nil || director.count("POST") != 2 {
		t.Errorf("nothing to send: error %v", err)
	}
}

func TestUploadFile_isRepeatedWholeAfterARefusedToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stemcell.tgz")
	if err := os.WriteFile(path, []byte("stemcell"), 0o600); err != nil {
		t.Fatal(err)
	}
	director, u := uaaDirector(t, map[string]http.HandlerFunc{"POST /stemcells": started(8), "GET /locks": text(200, "[]")})
	client := newClient(t, asClient(director))
	_, _ = client.Locks(t.Context())
	u.revoke()
	id, err := client.UploadStemcellFile(t.Context(), path, bosh.Upload{})
	seen := director.seen()
	if err != nil || id != 8 || seen[len(seen)-1].body != "stemcell" || director.count("POST") != 2 {
		t.Errorf("task %d, error %v, %d requests, the last with %q", id, err, director.count("POST"), seen[len(seen)-1].body)
	}
}
