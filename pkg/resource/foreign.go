package resource

import (
	"fmt"
	"slices"
	"strings"
)

// foreignKeys are those of bosh-deployment-resource, from which people come, that
// have another place or no counterpart here. A likeness of their names to keys of
// this resource would mislead.
var foreignKeys = map[string]string{
	"source.target":           "director.url",
	"source.client":           "director.client",
	"source.client_secret":    "director.client_secret",
	"source.ca_cert":          "director.ca_cert",
	"source.username":         "director.username",
	"source.password":         "director.password",
	"source.jumpbox_url":      "director.proxy, as ssh+socks5://USER@HOST:22",
	"source.jumpbox_username": "director.proxy, as ssh+socks5://USER@HOST:22",
	"source.jumpbox_ssh_key":  "director.proxy_private_key",
}

// foreignParams say what to do instead.
var foreignParams = map[string]string{
	"params.var_files":   "give the text of a file with a load_var step as one of vars; vars_files are files of variables",
	"params.source_file": "the director is the one of source.director",
	"params.stemcells":   "stemcells and releases come from the component set in components",
	"params.releases":    "stemcells and releases come from the component set in components",
	"params.cleanup":     "this resource deletes nothing from the director",
	"params.delete":      "this resource deletes no deployment",
	"params.no_redact":   "differences are shown with their credentials hidden",
}

// foreignKey explains unknown keys that are another resource's; nil if the first one
// is not.
func foreignKey(unknown []string) error {
	if hint, known := foreignParams[unknown[0]]; known {
		return fmt.Errorf("decode %s: unknown key; %s", unknown[0], hint)
	}
	var moved, names []string
	for _, key := range unknown {
		if place, known := foreignKeys[key]; known {
			_, name, _ := strings.Cut(key, ".")
			names = append(names, name)
			moved = append(moved, name+" is "+place)
		}
	}
	if len(moved) == 0 || !slices.Contains(names, strings.TrimPrefix(unknown[0], "source.")) {
		return nil
	}
	return fmt.Errorf("decode source: unknown keys %s, which belong under director here: %s", strings.Join(names, ", "), strings.Join(moved, "; "))
}
