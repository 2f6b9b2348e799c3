package director

import (
	"context"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
)

// Restart is Down for a while. The director keeps its state, as it is in a database.
func (d *Director) Restart(kind api.Outage, during time.Duration) {
	up := d.Down(kind)
	d.queue.Go(func(ctx context.Context) {
		defer up()
		timer := time.NewTimer(during)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	})
}
