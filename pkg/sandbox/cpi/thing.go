package cpi

import (
	"maps"
	"slices"
	"time"
)

// VM is one VM of the cloud.
type VM struct {
	CID      string
	AgentID  string
	Stemcell string
	Disks    []string          // attached
	Metadata map[string]string //
	Env      map[string]any    // as create_vm had it, with secrets
	Profile  string            // of the instance, by its name
	Type     string            // "t3.medium"
	Tags     map[string]string // given in its launch
	Created  time.Time
	Mounted  []string // disks that the agent has mounted
	State    string   // "stopped" or "running"
	Jobs     []string // of the last apply
}

// clone shares nothing with v that the cloud changes.
func (v VM) clone() VM {
	v.Disks, v.Mounted, v.Jobs = slices.Clone(v.Disks), slices.Clone(v.Mounted), slices.Clone(v.Jobs)
	v.Metadata, v.Tags = maps.Clone(v.Metadata), maps.Clone(v.Tags)
	return v
}

// AllTags are a VM's tags: those of its launch, and those of its metadata.
func (v VM) AllTags() map[string]string {
	tags := named(v.Metadata)
	if tags == nil {
		tags = map[string]string{}
	}
	for key, value := range v.Tags {
		if _, later := tags[key]; !later {
			tags[key] = value
		}
	}
	return tags
}

// Disk is one persistent disk.
type Disk struct {
	CID  string
	Size int // MB
	// Encrypted and Tags are of the volume, as rights hang on them.
	Encrypted bool
	Tags      map[string]string
	Snapshot  string // that others have made it from
	// Content is the VMs whose agents have mounted it, and what was migrated to it.
	Content []string
}

// clone shares nothing with d that the cloud changes.
func (d Disk) clone() Disk {
	d.Content, d.Tags = slices.Clone(d.Content), maps.Clone(d.Tags)
	return d
}

// Stemcell is one uploaded stemcell.
type Stemcell struct {
	CID        string
	Properties map[string]any
	Owner      string // the account, of one that others have made
	Tags       map[string]string
}
