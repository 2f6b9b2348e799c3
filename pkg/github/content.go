package github

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// Content gives a small file of a release of repo, by its URL in the API, which a server
// of a network has named. It fails for one of more than max bytes, for a URL that such a
// server may not name, and as Releases does.
func (c *Client) Content(ctx context.Context, repo, assetURL string, from dial.Network, max int64) ([]byte, error) {
	ctx = retry.Named(ctx, from)
	req, err := c.api.NewRequest(http.MethodGet, assetURL, nil)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	req.Header = c.Header(assetURL)
	res, err := c.api.BareDo(ctx, req)
	if err != nil {
		return nil, c.explain(err, repo)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, max+1))
	if err != nil {
		return nil, c.explainBody(res.Response, err)
	}
	if int64(len(text)) > max {
		return nil, fmt.Errorf("it has more than %d bytes", max)
	}
	return text, nil
}
