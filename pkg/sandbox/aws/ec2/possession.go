package ec2

import (
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/wire"
)

// Possession is a VM, disk or image of the account, or an image of another.
type Possession struct {
	ID        string
	State     string // of instances: default "running"
	Tags      map[string]string
	Owner     string   // of images; default: this account
	Instances []string // that a volume is attached to
	Snapshot  string   // that a volume was made from
	Encrypted bool     // of volumes
}

// Possessions are what EC2 knows by its id, of a region.
type Possessions struct{ Instances, Volumes, Images []Possession }

// tagItem is one tag.
type tagItem struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

// tagItems are tags in the order of their keys.
func tagItems(tags map[string]string) []tagItem {
	items := []tagItem{}
	for _, key := range wire.Sorted(tags) {
		items = append(items, tagItem{key, tags[key]})
	}
	return items
}

// possessions are those of a region.
func (c *Compute) possessions(region string) Possessions {
	if c.options.Possessions == nil || region != c.options.Region {
		return Possessions{}
	}
	return c.options.Possessions()
}

// knownInstanceItems has one reservation for each instance of the ids.
func (c *Compute) knownInstanceItems(region string, ids []string) any {
	type instance struct {
		ID    string    `xml:"instanceId"`
		State string    `xml:"instanceState>name"`
		Tags  []tagItem `xml:"tagSet>item"`
	}
	items := []any{}
	for _, i := range c.possessions(region).Instances {
		if !slices.Contains(ids, i.ID) {
			continue
		}
		if i.State == "" {
			i.State = "running"
		}
		items = append(items, struct {
			Instances []instance `xml:"instancesSet>item"`
		}{[]instance{{i.ID, i.State, tagItems(i.Tags)}}})
	}
	return items
}

// volumeItems are the volumes of the ids.
func (c *Compute) volumeItems(region string, ids []string) any {
	type attachment struct {
		Instance string `xml:"instanceId"`
		Status   string `xml:"status"`
	}
	items := []any{}
	for _, v := range c.possessions(region).Volumes {
		if !wants(ids, v.ID) {
			continue
		}
		attachments := []attachment{}
		for _, id := range v.Instances {
			attachments = append(attachments, attachment{id, "attached"})
		}
		items = append(items, struct {
			ID          string       `xml:"volumeId"`
			Snapshot    string       `xml:"snapshotId"`
			Encrypted   bool         `xml:"encrypted"`
			Attachments []attachment `xml:"attachmentSet>item"`
			Tags        []tagItem    `xml:"tagSet>item"`
		}{v.ID, v.Snapshot, v.Encrypted, attachments, tagItems(v.Tags)})
	}
	return items
}

// knownImageItems are the images of the ids with their owners.
func (c *Compute) knownImageItems(region string, ids []string) []any {
	items := []any{}
	for _, i := range c.possessions(region).Images {
		if !wants(ids, i.ID) {
			continue
		}
		if i.Owner == "" {
			i.Owner = c.options.Account
		}
		items = append(items, struct {
			ID    string    `xml:"imageId"`
			State string    `xml:"imageState"`
			Owner string    `xml:"imageOwnerId"`
			Tags  []tagItem `xml:"tagSet>item"`
		}{i.ID, "available", i.Owner, tagItems(i.Tags)})
	}
	return items
}
