package bosh

import (
	"context"
	"errors"
	"net/http"
)

// ErrForbidden says that the client lacks the right for a request.
var ErrForbidden = errors.New("forbidden by the director")

// UploadRelease sends a release from memory.
func (c *Client) UploadRelease(ctx context.Context, name string, tarball []byte) (int, error) {
	return c.submit(ctx, submission{
		action: "upload release " + name, method: http.MethodPost, path: "/releases", mediaType: archive, body: tarball,
	})
}

// StoreConfig is UpdateConfig.
func (c *Client) StoreConfig(ctx context.Context, kind, name, content, expectedID string) (ConfigVersion, error) {
	return c.UpdateConfig(ctx, kind, name, content, expectedID)
}

// Logs gives none.
func (c *Client) Logs(context.Context, string, string, string) (map[string][]byte, error) {
	return nil, errors.New("not yet")
}
