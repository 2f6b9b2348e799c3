package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
)

// UploadStemcellURL has the director fetch a stemcell. It returns the task's id
// and does not wait: a wrong URL or digest is an error of the task. Its errors
// are as those of Deploy.
func (c *Client) UploadStemcellURL(ctx context.Context, u bosh.Upload) (taskID int, err error) {
	return c.uploadURL(ctx, "stemcell", "/stemcells", u)
}

// UploadReleaseURL has the director fetch a release; otherwise as UploadStemcellURL.
func (c *Client) UploadReleaseURL(ctx context.Context, u bosh.Upload) (taskID int, err error) {
	return c.uploadURL(ctx, "release", "/releases", u)
}

// UploadStemcellFile sends a stemcell from a file, once, and returns the id of
// the task that unpacks it; of u it takes Fix and ContextID. Its errors are as those of
// Deploy.
func (c *Client) UploadStemcellFile(ctx context.Context, path string, u bosh.Upload) (taskID int, err error) {
	return c.wire.Submit(ctx, transport.Submission{
		Action: "upload stemcell " + path, Method: http.MethodPost, Path: "/stemcells", Query: uploadQuery(u.Fix), MediaType: transport.Archive,
		File: path, ContextID: u.ContextID,
	})
}

// UploadReleaseFile sends a release from a file; otherwise as UploadStemcellFile.
func (c *Client) UploadReleaseFile(ctx context.Context, path string, u bosh.Upload) (taskID int, err error) {
	return c.wire.Submit(ctx, transport.Submission{
		Action: "upload release " + path, Method: http.MethodPost, Path: "/releases", Query: uploadQuery(u.Fix), MediaType: transport.Archive,
		File: path, ContextID: u.ContextID,
	})
}

// UploadRelease sends a release from memory, once, and returns the id of the task
// that unpacks it; name is for errors. Its error is bosh.ErrForbidden if the login may
// not upload releases, otherwise as those of Deploy.
func (c *Client) UploadRelease(ctx context.Context, name string, tarball []byte, contextID string) (taskID int, err error) {
	action := "upload release " + name
	if len(tarball) == 0 {
		return 0, fmt.Errorf("%s: %w", action, errors.New("it is empty"))
	}
	return c.wire.Submit(ctx, transport.Submission{
		Action: action, Method: http.MethodPost, Path: "/releases", MediaType: transport.Archive, Body: tarball, ContextID: contextID,
	})
}

// uploadURL submits the location as JSON. The field sha1 takes every digest that
// bosh-utils' multi-digest can read, "sha256:…" among them.
func (c *Client) uploadURL(ctx context.Context, kind, path string, u bosh.Upload) (int, error) {
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
	return c.wire.Submit(ctx, transport.Submission{
		Action: action, Method: http.MethodPost, Path: path, Query: uploadQuery(u.Fix),
		MediaType: "application/json", Body: body, ContextID: u.ContextID,
	})
}

// uploadQuery asks the director to replace what it has, where that is damaged.
func uploadQuery(fix bool) url.Values {
	if !fix {
		return nil
	}
	return url.Values{"fix": {"true"}}
}
