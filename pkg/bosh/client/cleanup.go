package client

import (
	"context"
	"net/http"

	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
)

// CleanUp submits the deletion of what no deployment uses any more: releases,
// stemcells, and orphaned disks with what is on them, as `bosh clean-up --all` does.
// Its errors are as those of Deploy.
func (c *Client) CleanUp(ctx context.Context) (taskID int, err error) {
	return c.wire.Submit(ctx, transport.Submission{
		Action: "submit clean-up", Method: http.MethodPost, Path: "/cleanup",
		MediaType: "application/json", Body: []byte(`{"config":{"remove_all":true,"keep_orphaned_disks":false}}`),
	})
}
