package bosh

import (
	"context"
	"net/http"
)

// CleanUp submits the deletion of what no deployment uses any more: releases,
// stemcells, and orphaned disks with what is on them, as `bosh clean-up --all` does.
// Its errors are as those of Deploy.
func (c *Client) CleanUp(ctx context.Context) (taskID int, err error) {
	return c.submit(ctx, submission{
		action: "submit clean-up", method: http.MethodPost, path: "/cleanup",
		mediaType: "application/json", body: []byte(`{"config":{"remove_all":true,"keep_orphaned_disks":false}}`),
	})
}
