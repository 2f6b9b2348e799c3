package bosh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// archive is the media type of a release or stemcell in a request's body.
const archive = "application/x-compressed"

// Upload is a release or stemcell that the director fetches itself.
type Upload struct {
	Name      string // "concourse", for errors
	Version   string // "8.2.5", for errors
	URL       string // where the director finds it
	SHA1      string // hex; the director verifies it
	SHA256    string // hex; goes before SHA1
	ContextID string // as in DeployOptions
	Fix       bool   // replace one that is there
}

// UploadStemcellURL has the director fetch a stemcell. It returns the task's id
// and does not wait: a wrong URL or digest is an error of the task. Its errors
// are as those of Deploy.
func (c *Client) UploadStemcellURL(ctx context.Context, u Upload) (taskID int, err error) {
	return c.uploadURL(ctx, "stemcell", "/stemcells", u)
}

// UploadReleaseURL has the director fetch a release; otherwise as UploadStemcellURL.
func (c *Client) UploadReleaseURL(ctx context.Context, u Upload) (taskID int, err error) {
	return c.uploadURL(ctx, "release", "/releases", u)
}

// UploadStemcellFile sends a stemcell from a file, once, and returns the id of
// the task that unpacks it; of u it takes Fix and ContextID. Its errors are as those of
// Deploy.
func (c *Client) UploadStemcellFile(ctx context.Context, path string, u Upload) (taskID int, err error) {
	return c.submit(ctx, submission{
		action: "upload stemcell " + path, method: http.MethodPost, path: "/stemcells", query: uploadQuery(u.Fix), mediaType: archive,
		file: path, contextID: u.ContextID,
	})
}

// UploadReleaseFile sends a release from a file; otherwise as UploadStemcellFile.
func (c *Client) UploadReleaseFile(ctx context.Context, path string, u Upload) (taskID int, err error) {
	return c.submit(ctx, submission{
		action: "upload release " + path, method: http.MethodPost, path: "/releases", query: uploadQuery(u.Fix), mediaType: archive,
		file: path, contextID: u.ContextID,
	})
}

// UploadRelease sends a release from memory, once, and returns the id of the task
// that unpacks it; name is for errors. Its error is ErrForbidden if the login may
// not upload releases, otherwise as those of Deploy.
func (c *Client) UploadRelease(ctx context.Context, name string, tarball []byte, contextID string) (taskID int, err error) {
	action := "upload release " + name
	if len(tarball) == 0 {
		return 0, fmt.Errorf("%s: %w", action, errors.New("it is empty"))
	}
	return c.submit(ctx, submission{
		action: action, method: http.MethodPost, path: "/releases", mediaType: archive, body: tarball, contextID: contextID,
	})
}

// uploadURL submits the location as JSON. The field sha1 takes every digest that
// bosh-utils' multi-digest can read, "sha256:…" among them.
func (c *Client) uploadURL(ctx context.Context, kind, path string, u Upload) (int, error) {
	action := fmt.Sprintf("upload %s %s/%s", kind, u.Name, u.Version)
	if u.URL == "" {
		return 0, fmt.Errorf("%s: %w", action, errors.New("it has no url"))
	}
	location := struct {
		Location string `json:"location"`       // "https://bosh.io/d/github.com/…?v=8.2.5"
		SHA1     string `json:"sha1,omitempty"` // "sha256:9f86d0…", or 40 hex digits
	}{Location: u.URL, SHA1: u.SHA1}
	if u.SHA256 != "" {
		location.SHA1 = "sha256:" + u.SHA256
	}
	body, err := json.Marshal(location)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", action, err)
	}
	return c.submit(ctx, submission{
		action: action, method: http.MethodPost, path: path, query: uploadQuery(u.Fix),
		mediaType: "application/json", body: body, contextID: u.ContextID,
	})
}

// uploadQuery asks the director to replace what it has, where that is damaged.
func uploadQuery(fix bool) url.Values {
	if !fix {
		return nil
	}
	return url.Values{"fix": {"true"}}
}
