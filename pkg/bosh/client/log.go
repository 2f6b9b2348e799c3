package client

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh/archive"
)

// Logs fetches what the jobs of an instance have written below /var/vcap/sys/log,
// by path: "gate/post-start.stdout.log". Filters narrow it down on the instance,
// "gate/*"; without one everything comes, which may be more than this takes. The
// director fetches logs in a task, for which this waits. Its error is bosh.ErrNotFound
// if there is no such instance, and bosh.ErrForbidden if the login may not read logs:
// that needs an admin of the director.
func (c *Client) Logs(ctx context.Context, deployment, group, id string, filters ...string) (map[string][]byte, error) {
	root, err := deploymentPath(deployment)
	if err != nil {
		return nil, err
	}
	action := fmt.Sprintf("fetch logs of %s/%s", group, id)
	query := url.Values{"type": {"job"}}
	if len(filters) > 0 {
		query.Set("filters", strings.Join(filters, ","))
	}
	task, err := c.ask(ctx, action, root+"/jobs/"+url.PathEscape(group)+"/"+url.PathEscape(id)+"/logs", query)
	if err != nil {
		return nil, err
	}
	if task.Result == "" {
		return nil, fmt.Errorf("%s: director task %d names no file", action, task.ID)
	}
	k := c.wire.Call(ctx)
	packed, _, err := k.Request().RawGet("/resources/"+url.PathEscape(task.Result), nil, nil) //nolint:bodyclose // the library closes it
	if err := k.Explain(err); err != nil {
		return nil, fmt.Errorf("%s: %w", action, err)
	}
	files, err := archive.Logs(packed)
	if err != nil {
		return nil, fmt.Errorf("%s: unpack them: %w", action, err)
	}
	return files, nil
}
