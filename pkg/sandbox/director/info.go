package director

import "github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"

// feature is one entry of /info's features.
type feature struct {
	Status bool `json:"status"`
	Extras any  `json:"extras,omitempty"`
}

// infoResponse is the answer of GET /info.
type infoResponse struct {
	Name            string         `json:"name"`
	UUID            string         `json:"uuid"`
	Version         string         `json:"version"` // "283.1.6 (170763c7)"
	User            *string        `json:"user"`    // null unless the credentials are right
	CPI             string         `json:"cpi"`
	StemcellOS      string         `json:"stemcell_os"`
	StemcellVersion string         `json:"stemcell_version"`
	Authentication  authentication `json:"user_authentication"`
	Features        features       `json:"features"`
}

type authentication struct {
	Type    string `json:"type"`    // "basic" or "uaa"
	Options any    `json:"options"` // {} or the UAA's addresses
}

type uaaOptions struct {
	URL  string   `json:"url"`  // "https://10.0.0.6:8443"
	URLs []string `json:"urls"` // the same, as a list
}

type features struct {
	LocalDNS     feature `json:"local_dns"`
	Snapshots    feature `json:"snapshots"`
	ConfigServer feature `json:"config_server"`
}

// info answers GET /info, which never refuses.
func (d *Director) info(c *api.Call) {
	info := infoResponse{
		Name: d.opts.Name, UUID: d.opts.UUID, Version: d.opts.Version,
		CPI: d.opts.CPI, StemcellOS: "-", StemcellVersion: "-",
		Authentication: authentication{Type: "basic", Options: struct{}{}},
		Features: features{
			LocalDNS:     feature{Extras: map[string]any{"domain_name": "bosh"}},
			Snapshots:    feature{Status: true},
			ConfigServer: feature{Extras: map[string]any{"urls": []string{}}},
		},
	}
	if c.User != "" {
		info.User = &c.User
	}
	if u := d.opts.UAA; u != nil {
		address := u.Address()
		info.Authentication = authentication{Type: "uaa", Options: uaaOptions{URL: address, URLs: []string{address}}}
	}
	c.JSON(info)
}
