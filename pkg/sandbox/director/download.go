package director

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

// upload is an archive on its way in: its bytes, or where they are.
type upload struct {
	kind    string // "stemcell", "release"
	archive []byte
	remote  *remote
	fix     bool
}

// readUpload reads a request that uploads an archive; after a failure the answer is written.
func readUpload(c *api.Call, kind string) (*upload, bool) {
	body, ok := c.ReadBody()
	if !ok {
		return nil, false
	}
	up := &upload{kind: kind, fix: c.Query.Get("fix") == "true"}
	if c.Header.Get("Content-Type") == api.ConsumesCompressed {
		up.archive = body
		return up, true
	}
	if json.Unmarshal(body, &up.remote) != nil || up.remote == nil || up.remote.Location == "" {
		c.Empty(http.StatusInternalServerError)
		return nil, false
	}
	return up, true
}

// download fetches the archive of an upload.
func (up *upload) download(j *task.Job, fetch *http.Client) error {
	notFetched := api.NewFailure(100001, "Downloading remote %s failed. Check task debug log for details.", up.kind)
	req, err := http.NewRequestWithContext(j.Ctx, http.MethodGet, up.remote.Location, nil)
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
		return api.NewFailure(100002, "No %s found at '%s'.", up.kind, up.remote.Location)
	}
	if res.StatusCode != http.StatusOK {
		return notFetched
	}
	if up.archive, err = io.ReadAll(io.LimitReader(res.Body, api.MaxBody)); err != nil {
		return notFetched
	}
	return j.Sleep(200 * time.Millisecond)
}

// verify compares the archive with the strongest digest that was given.
func (up *upload) verify() error {
	code := 50007
	if up.kind == "release" {
		code = 30015
	}
	want, got, ok := compareDigest(up.archive, up.remote.SHA1)
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
