package choice

import (
	"context"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/cloud"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

// Director is a director that exists.
type Director interface {
	// CloudConfigs are those that are current, by whatever name: the director joins them.
	CloudConfigs(ctx context.Context) ([][]byte, error)
	// CPI is what the director calls its CPI, "vsphere_cpi".
	CPI(ctx context.Context) (string, error)
}

// Names completes the section cloud from the cloud config of the director at a URL. given
// is what the user says of it, and before what was found at an earlier run.
func Names(ctx context.Context, d Director, url string, given, before config.Cloud) (all config.Cloud, wrong schema.Problems, err error) {
	texts, err := d.CloudConfigs(ctx)
	if err != nil {
		return all, nil, fmt.Errorf("read the director's cloud config: %w; nothing was changed", err)
	}
	if len(texts) == 0 {
		return all, nil, fmt.Errorf("the director at %s has no cloud config, which says what VMs are made of; nothing was changed: set one with bosh update-cloud-config", url)
	}
	names, err := cloud.ReadNames(texts)
	if err != nil {
		return all, nil, err
	}
	if all, wrong = names.Choose(given, before); wrong.Err() != nil || all.Stemcell != "" {
		return all, wrong, nil
	}
	cpi, err := d.CPI(ctx)
	if err != nil {
		return all, nil, fmt.Errorf("ask the director for its CPI: %w", err)
	}
	all.Stemcell, err = cloud.StemcellOf(cpi)
	return all, wrong, err
}

// Found are the names that nobody has given. They are kept, so that what is added to
// the cloud config later neither moves a VM nor stands in the way.
func Found(all, given config.Cloud) *config.Cloud {
	for _, name := range []struct {
		found *string
		given string
	}{
		{&all.VMTypes.Web, given.VMTypes.Web}, {&all.VMTypes.Worker, given.VMTypes.Worker}, {&all.VMTypes.Database, given.VMTypes.Database},
		{&all.DiskType, given.DiskType}, {&all.Network, given.Network}, {&all.WebAddress, given.WebAddress}, {&all.Stemcell, given.Stemcell},
	} {
		if name.given != "" {
			*name.found = ""
		}
	}
	if len(given.AZs) > 0 {
		all.AZs = nil
	}
	return &all
}
