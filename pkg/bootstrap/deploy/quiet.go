package deploy

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/compatibility"
	"github.com/perpetual-ci/perpetual/pkg/verify"
)

// NeedsQuiet says why an upgrade to a version of Concourse is a quiet one, by what runs now;
// "" where it is not, or where that cannot be found out: the deploy will. way is upgrade.way.
func NeedsQuiet(ctx context.Context, atc verify.ATC, to, way string) (reason string) {
	info, err := atc.Info(ctx)
	if err != nil {
		return ""
	}
	now := compatibility.Now{Version: info.Version, Worker: info.WorkerVersion}
	workers, err := atc.Workers(ctx)
	if err != nil {
		return ""
	}
	for _, w := range workers {
		if w.State == "running" {
			now.Workers = append(now.Workers, w.Version)
		}
	}
	choice, err := compatibility.Choose(now, to, way)
	if err != nil || choice.Way != compatibility.Quiet {
		return ""
	}
	return choice.Reason
}
