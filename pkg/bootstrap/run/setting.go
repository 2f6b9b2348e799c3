package run

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/setting"
	"github.com/perpetual-ci/perpetual/pkg/config"
)

// Settings are what is wanted, beside what was wanted before.
func (r *Run) Settings() setting.Settings {
	return setting.Settings{Given: r.Given, Stored: r.Stored, Wanted: r.Wanted, Files: r.UserFiles()}
}

// UserFiles are the user's ops files and vars files.
func (r *Run) UserFiles() setting.Files {
	return setting.Files{
		Installation: r.Name, Given: config.UserFiles(r.Given), Wanted: config.UserFiles(r.Config), Stored: r.Said.Files,
		Self: r.Options.Self, Open: r.Files,
	}
}

// Contents are what the documents are to say.
func (r *Run) Contents() document.Contents {
	said := r.Said
	said.Choice = r.Record.Choice
	return document.Contents{Statement: said, Findings: r.Record.Findings, Credentials: r.Credentials}
}

// SaveStatement stores a configuration with the user's files.
func (r *Run) SaveStatement(ctx context.Context, c *config.Config, files map[string]string) error {
	r.Said.Config, r.Said.Files = c, files
	return r.Documents.SaveStatement(ctx, r.Contents())
}

// Save keeps the record.
func (r *Run) Save(ctx context.Context) error { return r.Documents.Save(ctx, r.Contents()) }
