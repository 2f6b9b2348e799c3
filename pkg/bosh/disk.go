package bosh

// Disk is an instance's persistent disk.
type Disk struct {
	Group   string // "db"
	ID      string // of the instance, "436cb8d0-438d-4f34-b67e-4c8f6a5488ef"
	Index   int    // 0
	Percent int    // how full it is, 37
}
