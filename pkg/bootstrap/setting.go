package bootstrap

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/setting"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

// compareConfiguration asks the account whether it has what is wanted. That is stored
// only when the components and the stack, too, have nothing against it: see saveConfig.
func (r *work) compareConfiguration(ctx context.Context) (step.Comparison, error) {
	if err := r.checkRoom(ctx); err != nil {
		return step.Comparison{}, err
	}
	if err := r.checkDatabase(ctx); err != nil {
		return step.Comparison{}, err
	}
	if err := r.Generator().CheckWithheld(r.Credentials); err != nil {
		return step.Comparison{}, err
	}
	c, names, err := r.compareSettings()
	if err != nil {
		return step.Comparison{}, err
	}
	all, added, err := r.earlyCredentials(ctx)
	if err != nil {
		return step.Comparison{}, err
	}
	// What is rendered from now on is rendered from them.
	r.Credentials = all
	if len(added) > 0 && r.Stored != nil && !r.Documents.Old() { // which is moved with them
		c = step.Differs("would change", append(c.Lines, step.Marked("+ ", added)...)...)
		names = append(names, added...)
	}
	c.Act = func(ctx context.Context) (step.Outcome, error) {
		if len(added) > 0 {
			if err := r.keepGenerated(ctx, all, added); err != nil {
				return step.Outcome{}, err
			}
		}
		if c.Changes {
			return step.Changed.Report("%s", strings.Join(names, ", "))
		}
		return step.UpToDate.Report("%s", c.Summary)
	}
	return c, nil
}

// compareSettings compares the configuration, and the user's files, with what is stored,
// and names what differs.
func (r *work) compareSettings() (c step.Comparison, names []string, err error) {
	if r.Stored == nil {
		return step.Differs("new"), []string{"new"}, nil
	}
	names, lines, err := r.Settings().Changes()
	if err != nil {
		return step.Comparison{}, nil, err
	}
	if r.raise.Major() {
		lines = append(lines, "! "+r.raise.String())
	}
	same, err := setting.Same(r.keptConfig(), r.Said.Config)
	if err != nil {
		return step.Comparison{}, nil, err
	}
	if same && len(lines) == 0 {
		return step.Same("as before"), nil, nil
	}
	return step.Differs("would change", lines...), names, nil
}

// saveConfig stores what is wanted, with the user's files: once nothing is left that
// could refuse it without having changed anything, and before anything is made from it.
func (r *work) saveConfig(ctx context.Context) error {
	if r.Options.Self {
		return nil // it is the operator's
	}
	files, err := r.UserFiles().Now()
	if err != nil {
		return err
	}
	return r.SaveStatement(ctx, r.keptConfig(), files)
}

// takeBackUndone stores again what was wanted before, when the cloud has undone the change
// that was to make the new settings true.
func (r *work) takeBackUndone(ctx context.Context) {
	if !r.mayTakeBack(ctx) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	stack, err := r.Site().Look(ctx)
	if err != nil || !stack.RolledBack() {
		return // what is half made is wanted: the next run finishes it
	}
	r.takeBack(ctx)
}

// takeBackRefused does so when the director has refused the deploy before it touched a
// VM. A deploy that fails later has made some of the settings true, and of those that
// grow a disk there is no way back: they stay.
func (r *work) takeBackRefused(ctx context.Context, refused bool) {
	if !refused || !r.mayTakeBack(ctx) {
		return
	}
	changed := r.Settings().Keys()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if r.takeBack(ctx); len(changed) > 0 {
		r.Progress.Warn(fmt.Sprintf("the director has refused the deploy before it changed a VM; these settings are not stored: %s", strings.Join(changed, ", ")))
	}
}

// mayTakeBack says whether nothing of what is wanted now was made by this run.
func (r *work) mayTakeBack(ctx context.Context) bool {
	return r.Stored != nil && !r.Made && !r.Options.Self && ctx.Err() == nil
}

// takeBack stores the settings, the files and what was chosen for them as they were.
func (r *work) takeBack(ctx context.Context) {
	r.Record.InstanceTypes, r.Record.Spread, r.Record.Cloud = r.Before.InstanceTypes, r.Before.Spread, r.Before.Cloud
	err := r.SaveStatement(ctx, r.Stored, r.BeforeFiles)
	if err == nil {
		err = r.Save(ctx)
	}
	if err != nil {
		r.Progress.Warn(fmt.Sprintf("the settings that were refused are still stored: %v", err))
	}
}
