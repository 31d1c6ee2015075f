import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { createQueryClient } from './api/polling.ts';
import { App } from './app.tsx';
import { takeKeyFromAddress } from './session/session-key.ts';
import './styles/tokens.css';
import './styles/page.css';
import './styles/header.css';
import './styles/controls.css';
import './styles/table.css';
import './styles/charts.css';
import './styles/drawer.css';
import './styles/health.css';
import './styles/sign-in.css';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element #root');

// Before anything else runs: the key must not stay in the address while the page loads its data.
const keyOfLink = takeKeyFromAddress(window);

createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={createQueryClient()}>
      <App keyOfLink={keyOfLink} />
    </QueryClientProvider>
  </StrictMode>,
);
