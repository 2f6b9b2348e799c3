// Package upload takes stemcells and releases in: from a request, or from where a request
// says that they are.
package upload

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"hash"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

// remote is where the director is to fetch an archive from.
type remote struct {
	Location string `json:"location"` // "https://bosh.io/d/github.com/cloudfoundry/bpm-release?v=1.4.38"
	SHA1     string `json:"sha1"`     // "7d3af3…" or "sha256:9c57…", several parted by ";"; "" checks nothing
}

// Upload is an archive on its way in: its bytes, or where they are.
type Upload struct {
	kind    string  // "stemcell", "release"
	Archive []byte  // nil until it is downloaded
	Remote  *remote // where it is; nil if the request had it
	Fix     bool    // whether it is to replace what is there
}

// Read reads a request that uploads an archive; after a failure the answer is written.
func Read(c *api.Call, kind string) (*Upload, bool) {
	body, ok := c.ReadBody()
	if !ok {
		return nil, false
	}
	up := &Upload{kind: kind, Fix: c.Query.Get("fix") == "true"}
	if c.Header.Get("Content-Type") == api.ConsumesCompressed {
		up.Archive = body
		return up, true
	}
	if json.Unmarshal(body, &up.Remote) != nil || up.Remote == nil || up.Remote.Location == "" {
		c.Empty(http.StatusInternalServerError)
		return nil, false
	}
	return up, true
}

// Download fetches the archive of an upload that is elsewhere.
func (up *Upload) Download(j *task.Job, fetch *http.Client) error {
	notFetched := api.NewFailure(100001, "Downloading remote %s failed. Check task debug log for details.", up.kind)
	req, err := http.NewRequestWithContext(j.Ctx, http.MethodGet, up.Remote.Location, nil)
	if err != nil {
		return api.NewFailure(100001, "Downloading remote %s failed. Check task debug log for details.", up.kind)
	}
	res, err := fetch.Do(req)
	if err != nil {
		if j.Ctx.Err() != nil {
			return task.ErrGone
		}
		return notFetched
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusNotFound {
		return api.NewFailure(100002, "No %s found at '%s'.", up.kind, up.Remote.Location)
	}
	if res.StatusCode != http.StatusOK {
		return notFetched
	}
	if up.Archive, err = io.ReadAll(io.LimitReader(res.Body, api.MaxBody)); err != nil {
		return notFetched
	}
	return j.Sleep(200 * time.Millisecond)
}

// Verify compares the archive with the strongest digest that was given.
func (up *Upload) Verify() error {
	code := 50007
	if up.kind == "release" {
		code = 30015
	}
	want, got, ok := compareDigest(up.Archive, up.Remote.SHA1)
	if ok {
		return nil
	}
	return api.NewFailure(code, "Expected stream to have digest '%s' but was '%s'\n", want, got)
}

func compareDigest(content []byte, digests string) (want, got string, ok bool) {
	strength := -1
	for _, digest := range strings.Split(digests, ";") {
		name, _, found := strings.Cut(digest, ":")
		if !found {
			name = "sha1"
		}
		algorithms := []struct {
			name string
			new  func() hash.Hash
		}{{"sha1", sha1.New}, {"sha256", sha256.New}, {"sha512", sha512.New}}
		for i, a := range algorithms {
			if a.name != name || i <= strength {
				continue
			}
			strength = i
			h := a.new()
			_, _ = h.Write(content)
			want, got = digest, hex.EncodeToString(h.Sum(nil))
			if found {
				got = name + ":" + got
			}
		}
	}
	return want, got, strength >= 0 && want == got
}
