package bootstrap

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/setting"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/config"
)

// settings are what is wanted, beside what was wanted before.
func (r *run) settings() setting.Settings {
	return setting.Settings{Given: r.Given, Stored: r.stored, Wanted: r.wantedConfig, Files: r.files()}
}

// files are the user's ops files and vars files.
func (r *run) files() setting.Files {
	return setting.Files{
		Installation: r.Name, Given: config.UserFiles(r.Given), Wanted: config.UserFiles(r.config), Stored: r.said.Files,
		Self: r.options.Self, Open: r.Files,
	}
}

// compareConfiguration asks the account whether it has what is wanted. That is stored
// only when the components and the stack, too, have nothing against it: see saveConfig.
func (r *run) compareConfiguration(ctx context.Context) (step.Comparison, error) {
	if err := r.checkRoom(ctx); err != nil {
		return step.Comparison{}, err
	}
	if err := r.checkDatabase(ctx); err != nil {
		return step.Comparison{}, err
	}
	if err := r.generator().CheckWithheld(r.credentials); err != nil {
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
	r.credentials = all
	if len(added) > 0 && r.stored != nil && !r.kept.Old() { // which is moved with them
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
func (r *run) compareSettings() (c step.Comparison, names []string, err error) {
	if r.stored == nil {
		return step.Differs("new"), []string{"new"}, nil
	}
	names, lines, err := r.settings().Changes()
	if err != nil {
		return step.Comparison{}, nil, err
	}
	if r.raise.Major() {
		lines = append(lines, "! "+r.raise.String())
	}
	same, err := setting.Same(r.keptConfig(), r.said.Config)
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
func (r *run) saveConfig(ctx context.Context) error {
	if r.options.Self {
		return nil // it is the operator's
	}
	files, err := r.files().Now()
	if err != nil {
		return err
	}
	return r.say(ctx, r.keptConfig(), files)
}

// say stores a configuration with the user's files.
func (r *run) say(ctx context.Context, c *config.Config, files map[string]string) error {
	r.said.Config, r.said.Files = c, files
	return r.kept.SaveStatement(ctx, r.contents())
}

// takeBackUndone stores again what was wanted before, when the cloud has undone the change
// that was to make the new settings true.
func (r *run) takeBackUndone(ctx context.Context) {
	if !r.mayTakeBack(ctx) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	stack, err := r.site().Look(ctx)
	if err != nil || !stack.RolledBack() {
		return // what is half made is wanted: the next run finishes it
	}
	r.takeBack(ctx)
}

// takeBackRefused does so when the director has refused the deploy before it touched a
// VM. A deploy that fails later has made some of the settings true, and of those that
// grow a disk there is no way back: they stay.
func (r *run) takeBackRefused(ctx context.Context, refused bool) {
	if !refused || !r.mayTakeBack(ctx) {
		return
	}
	changed := r.settings().Keys()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if r.takeBack(ctx); len(changed) > 0 {
		r.Progress.Warn(fmt.Sprintf("the director has refused the deploy before it changed a VM; these settings are not stored: %s", strings.Join(changed, ", ")))
	}
}

// mayTakeBack says whether nothing of what is wanted now was made by this run.
func (r *run) mayTakeBack(ctx context.Context) bool {
	return r.stored != nil && !r.made && !r.options.Self && ctx.Err() == nil
}

// takeBack stores the settings, the files and what was chosen for them as they were.
func (r *run) takeBack(ctx context.Context) {
	r.record.InstanceTypes, r.record.Spread, r.record.Cloud = r.before.InstanceTypes, r.before.Spread, r.before.Cloud
	err := r.say(ctx, r.stored, r.beforeFiles)
	if err == nil {
		err = r.saveRecord(ctx)
	}
	if err != nil {
		r.Progress.Warn(fmt.Sprintf("the settings that were refused are still stored: %v", err))
	}
}
