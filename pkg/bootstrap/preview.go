package bootstrap

import (
	"context"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// preview is a director that is only asked, and notes whether the cloud config differs.
type preview struct {
	Director
	cloudConfig bool
	deployed    []byte // the manifest
}

// Deployment implements upgrade.Director.
func (p *preview) Deployment(ctx context.Context, name string) (bosh.Deployment, error) {
	deployed, err := p.Director.Deployment(ctx, name)
	p.deployed = deployed.Manifest
	return deployed, err
}

// SetCloudConfig implements upgrade.Director.
func (p *preview) SetCloudConfig(ctx context.Context, content []byte, _ bool, tell func(string)) (bool, error) {
	differs, err := p.Director.SetCloudConfig(ctx, content, true, tell)
	p.cloudConfig = p.cloudConfig || differs
	return differs, err
}

// told are the lines of a preview that say what would change: the pipeline is another
// step's, and what stays needs no line.
func told(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line != "" && !strings.HasPrefix(line, "pipeline: ") && !strings.HasSuffix(line, ": would change: false") && !strings.HasSuffix(line, ": unchanged") {
			lines = append(lines, line)
		}
	}
	return lines
}
