import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  base: '/admin/runtime/',
  plugins: [react()],
  build: {
    outDir: 'dist',
    // The page is served with `default-src 'self'`, which refuses data: URIs and inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // `vite` alone serves the page for development; the API of `npm start` answers its requests.
  server: { proxy: { '/api': 'http://127.0.0.1:3000', '/admin/queues': 'http://127.0.0.1:3000' } },
});
