package access

// OnHash has note called with the cost of each password hash that a computes from now on.
func (a *Access) OnHash(note func(time, memoryKiB uint32, keyBytes uint32)) {
	derive := a.derive
	a.derive = func(password, salt []byte, time, memoryKiB uint32, threads uint8, keyBytes uint32) []byte {
		note(time, memoryKiB, keyBytes)
		return derive(password, salt, time, memoryKiB, threads, keyBytes)
	}
}
