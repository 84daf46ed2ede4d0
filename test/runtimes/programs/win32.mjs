// Loaded before a program, to have it believe that it runs on Windows.
Object.defineProperty(process, 'platform', { value: 'win32' });
