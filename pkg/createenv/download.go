package createenv

import (
	"context"
	"net/http"

	"github.com/cloudfoundry/bosh-utils/httpclient"
	boshlog "github.com/cloudfoundry/bosh-utils/logger"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// download is the client for releases and stemcells.
func (s *session) download(logger boshlog.Logger) (*httpclient.HTTPClient, error) {
	wire, err := retry.NewClient(retry.Options{})
	if err != nil {
		return nil, err
	}
	return httpclient.NewHTTPClient(downloadDoer{ctx: s.ctx, wire: wire}, logger), nil
}

// downloadDoer ends a download when the run is to stop.
type downloadDoer struct {
	ctx  context.Context
	wire *http.Client
}

// Do implements bosh-utils' httpclient.Client.
func (d downloadDoer) Do(r *http.Request) (*http.Response, error) {
	return d.wire.Do(r.WithContext(d.ctx)) //nolint:gosec // the addresses are those of the VM and of the pinned files
}
